"""Run a function in a fork of this process, within limits, and end all that it started. Linux."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import traceback
import warnings
from collections.abc import Callable

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def fork_and_wait(
    run: Callable[[], int], *, cpu_s: int = 3600, wall_s: float = 36000, quiet: bool = True
) -> str:
    """Return "0" or another exit code, "signal 24" or the like, or "too late"."""
    with warnings.catch_warnings():
        # Of other threads: the child needs none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        _child(run, cpu_s, quiet)
    descriptor = os.pidfd_open(pid)
    try:
        in_time = bool(select.select([descriptor], [], [], wall_s)[0])
    finally:
        os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not in_time:
        return "too late"
    return (
        f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else str(os.WEXITSTATUS(status))
    )


def _child(run: Callable[[], int], cpu_s: int, quiet: bool) -> None:
    code = 70
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        _, hardest = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, hardest))
        if quiet:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for standard in (0, 1, 2):
                os.dup2(nowhere, standard)
        code = run()
    except BaseException:  # noqa: BLE001 - it is shown, and the process ends
        traceback.print_exc()
    finally:
        os._exit(code)
