"""Sandbox of worker processes: what code that took one over still cannot do.

It has the bytes of its request and pipes to its parent. It cannot open files or sockets, start
programs or threads, signal or inspect any process, nor use more memory and CPU time than it was
given. `SECURITY.md` lists what each part prevents, and the test that proves it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from core.worker_process.landlock import allow_reading
from core.worker_process.system_calls import filter_calls

try:
    import resource
except ImportError:  # Windows: the limits of the decoder and the parent's time limits remain
    resource = None  # type: ignore[assignment]

#: Options of prctl(2).
_DIE_WITH_PARENT, _DUMPABLE, _NO_NEW_PRIVILEGES = 1, 4, 38
#: A user of its own for each worker of root, beyond all that systems give out; else nobody.
_FIRST_USER, _NOBODY = 2_000_000_000, 65_534
#: Enough for a library that reads its own data.
_FEW_FILES = 16


def hide_memory() -> None:
    """Keep other processes of this user from this one's memory and environment (Linux).

    A crash then leaves no core file either. Root can still read everything.
    """
    if sys.platform == "linux":
        _prctl(_DUMPABLE, 0)


def is_root() -> bool:
    """Return whether this process has all rights."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def enter(*, memory_bytes: int, cpu_s: float, folder: Path | None = None) -> tuple[str, ...]:
    """Give up for good what decoding does not need; return the parts that this system lacks.

    Call it when everything is loaded, before the first byte from a person is read.
    memory_bytes: address space. cpu_s: CPU time in the life of the process.
    folder: the only place where files can still be read, and the working directory.
    """
    if resource is None:
        return ("limits", "user", "privileges", "system calls")
    os.closerange(3, 256)
    if folder:
        os.chdir(folder)  # relative paths work even where root's folders cannot be passed
    parts: dict[str, Callable[[], None]] = {
        "user": _leave_root,
        "limits": lambda: _limit(memory_bytes, cpu_s, _FEW_FILES if folder else 0),
        "privileges": _give_up_privileges,
    }
    if folder:
        parts["folder"] = lambda: allow_reading(".")
    parts["system calls"] = lambda: _filter_calls(bool(folder))
    return tuple(name for name, give_up in parts.items() if not _has_given_up(give_up))


def restrict_program(memory_bytes: int, cpu_s: float) -> None:
    """Give up what a program of this machine does not need, which this process is to become."""
    for give_up in (
        _leave_root,
        lambda: _limit(memory_bytes, cpu_s, _FEW_FILES),
        _give_up_privileges,
    ):
        _has_given_up(give_up)


def limit_cpu(seconds: float) -> None:
    """Let the system kill this process if a request takes longer; Python cannot interrupt C."""
    if resource:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        limit = int(_cpu_used_s() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (min(limit, hard) if hard > 0 else limit, hard))


def is_worn() -> bool:
    """Return whether half of this process's CPU time is used, so that another has to follow it."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1] if resource else 0
    return 0 < hard < 2 * _cpu_used_s()


def _has_given_up(give_up: Callable[[], None]) -> bool:
    try:
        give_up()
    except (OSError, ValueError, AttributeError):  # ValueError: a limit that macOS does not have
        return False
    return True


def _limit(memory_bytes: int, cpu_s: float, files: int) -> None:
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_CPU, int(cpu_s)),
        (resource.RLIMIT_AS, memory_bytes),
    ):
        resource.setrlimit(limit, (value, value))


def _leave_root() -> None:
    """Become a user that owns nothing. Raises OSError in a container that has no other users."""
    if not is_root():
        return
    os.setgroups([])
    try:
        _become(_FIRST_USER + os.getpid())
    except OSError:
        _become(_NOBODY)


def _become(user: int) -> None:
    os.setgid(user)
    os.setuid(user)


def _give_up_privileges() -> None:
    """Gain none by starting a program, show no memory to others, and end with the parent."""
    if sys.platform != "linux":
        raise OSError("only Linux has them")
    _prctl(_NO_NEW_PRIVILEGES, 1)
    _prctl(_DUMPABLE, 0)
    _prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _filter_calls(can_read_files: bool) -> None:
    """Allow the calls that decoding needs; the limit on processes is a second lock."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
    try:
        if sys.platform == "linux":
            filter_calls(can_read_files=can_read_files)
    except OSError:
        # Threads count as processes here, and libav starts some unless the filter hides from it
        # how many processors there are.
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
        raise


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    # prctl is variadic and takes unsigned longs.
    arguments = [ctypes.c_ulong(number) for number in (value, 0, 0, 0)]
    if libc.prctl(option, *arguments):
        raise OSError(ctypes.get_errno(), "prctl")


def _cpu_used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
