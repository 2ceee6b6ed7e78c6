"""Enters the sandbox, as far as programs bear it, and becomes a program of this machine.

argv: memory in bytes, CPU time in seconds, the program, its arguments. The program cannot make
files, has limits on memory and CPU time, gains no privileges, does not run as root and
ends with the bot. Its system calls are not filtered: it can read the files that its user can.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from core.worker_process import isolated
from core.worker_process.sandbox import restrict_program

#: The exit code of shells for a program that is not there.
NOT_STARTED = 127


def command_of(program: Sequence[str], *, memory_bytes: int, cpu_s: float) -> tuple[str, ...]:
    """Return the command that starts `program`, a path with arguments, in its sandbox."""
    limits = str(memory_bytes), str(cpu_s)
    return isolated.command_of("core.worker_process.launch", *limits, *program)


def main() -> None:
    """Become the program, or exit with NOT_STARTED."""
    memory, cpu, *command = sys.argv[1:]
    restrict_program(int(memory), float(cpu))
    try:
        os.execv(command[0], command)
    except OSError:
        sys.exit(NOT_STARTED)
