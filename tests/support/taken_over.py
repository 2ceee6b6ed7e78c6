"""A program and its worker, which code of an attacker has taken over: what can it still do?

argv: JSON with "user" (the id that the program runs as, None for that of the tests) and "parts" of
the sandbox that are on. Prints JSON: attack -> "done", or how it was denied.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.worker_process import sandbox, system_calls

LIBC = ctypes.CDLL(None, use_errno=True)
SECRET = b"a-secret-of-the-bot"
IN_MEMORY = ctypes.create_string_buffer(SECRET)
#: Set by `main`.
BOT, SIBLING, FILE = 0, 0, ""
#: What the bot may use of CPU time, as it starts.
CPU_LIMITS = resource.getrlimit(resource.RLIMIT_CPU)
COLUMN = system_calls._MACHINES[platform.machine()][2]
_SEIZE, _CPU_S = 0x4206, 1


def call(function: Any, *arguments: object) -> int:
    result: int = function(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), "denied")
    return result


def read_memory() -> None:
    with open(f"/proc/{BOT}/mem", "rb", buffering=0) as memory:
        memory.seek(ctypes.addressof(IN_MEMORY))
        assert memory.read(len(SECRET)) == SECRET


def read_environment() -> None:
    with open(f"/proc/{BOT}/environ", "rb") as file:
        file.read()


def copy_memory() -> None:
    class Range(ctypes.Structure):
        _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t))

    buffer = ctypes.create_string_buffer(len(SECRET))
    here = Range(ctypes.addressof(buffer), len(SECRET))
    there = Range(ctypes.addressof(IN_MEMORY), len(SECRET))
    size = ctypes.c_ulong(1)
    parts = ctypes.byref(here), size, ctypes.byref(there), size
    call(LIBC.process_vm_readv, BOT, *parts, ctypes.c_ulong(0))
    assert buffer.value == SECRET


def trace(pid: str) -> None:
    call(LIBC.ptrace, _SEIZE, globals()[pid], None, None)


def steal_descriptor() -> None:
    bot = os.pidfd_open(BOT)
    call(LIBC.syscall, 438, bot, 0, 0)  # pidfd_getfd


def fork() -> None:
    if not (pid := os.fork()):
        os._exit(0)
    os.waitpid(pid, 0)


def execute() -> None:
    try:
        os.execv("/no/such/program", ["program"])
    except FileNotFoundError:
        return  # it was looked for


def start_thread() -> None:
    import _thread

    try:
        _thread.start_new_thread(int, ())
    except RuntimeError:
        raise OSError(errno.EPERM, "no thread") from None


def take_memory() -> None:
    mmap.mmap(-1, 10 * 2**30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()


def make_code() -> None:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    mmap.mmap(-1, 4096, flags=flags, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()


def limit_bot() -> None:
    limits = resource.prlimit(BOT, resource.RLIMIT_NOFILE)
    resource.prlimit(BOT, resource.RLIMIT_NOFILE, limits)


def limit_sibling_cpu() -> None:
    """Limit it to what it has: less would end it before its time."""
    resource.prlimit(SIBLING, resource.RLIMIT_CPU, resource.getrlimit(resource.RLIMIT_CPU))


def watch_cpu(pid: str) -> None:
    """Read how much CPU time a process has used, by a clock of its own (CPUCLOCK_SCHED)."""
    time.clock_gettime(~globals()[pid] << 3 | 2)


ATTACKS: dict[str, Callable[[], Any]] = {
    "read a file": lambda: open(FILE).close(),
    "write a file": lambda: open(FILE + "-canary", "w").close(),
    "read the bot's memory": read_memory,
    "read the bot's environment": read_environment,
    "copy the bot's memory": copy_memory,
    "trace the bot": partial(trace, "BOT"),
    "trace a sibling": partial(trace, "SIBLING"),
    "steal a descriptor": steal_descriptor,
    "signal the bot": lambda: os.kill(BOT, 0),
    "signal a sibling": lambda: os.kill(SIBLING, 0),
    "limit the bot": limit_bot,
    "read the bot's limit of CPU time": lambda: resource.prlimit(BOT, resource.RLIMIT_CPU),
    "limit the bot's CPU time": lambda: resource.prlimit(BOT, resource.RLIMIT_CPU, CPU_LIMITS),
    "read a sibling's limit of CPU time": lambda: resource.prlimit(SIBLING, resource.RLIMIT_CPU),
    "limit a sibling's CPU time": limit_sibling_cpu,
    "watch the bot's CPU time": partial(watch_cpu, "BOT"),
    "watch a sibling's CPU time": partial(watch_cpu, "SIBLING"),
    "become root": lambda: os.setuid(0),
    "open a socket": lambda: socket.socket().close(),
    "make a file in memory": lambda: os.close(os.memfd_create("canary")),
    "share memory": lambda: call(LIBC.shmget, 0, 4096, 0o600),
    "fork": fork,
    "start a thread": start_thread,
    "start a program": execute,
    "make machine code": make_code,
    "take 10 GB of memory": take_memory,
    "fill the disk": lambda: os.write(2, bytes(4096)),
}


def attempt(attack: Callable[[], Any]) -> str:
    try:
        attack()
    except (OSError, MemoryError, ValueError) as error:
        return getattr(error, "strerror", None) or type(error).__name__
    return "done"


def call_everything() -> dict[str, str]:
    """Make every system call but those that are allowed, and those that would end the attacker.

    Of those that are allowed with some arguments only, make each with others.
    """
    forbidden = {
        getattr(call, COLUMN): [[-1 if n == one else 0 for n in range(6)] for one, _ in call.zeros]
        for call in system_calls._NEEDED
    }
    none_allowed = [[0] * 6]
    # u(ret)probe: no filter is asked, the kernel ends who calls them.
    forbidden |= {335: [], 336: []}
    found = {}
    LIBC.syscall.restype = ctypes.c_long
    for number in range(600):
        # Those of x32 are others.
        attempts = [(number, arguments) for arguments in forbidden.get(number, none_allowed)]
        for made, arguments in [*attempts, (number | 0x4000_0000, none_allowed[0])]:
            longs = [ctypes.c_long(argument) for argument in arguments]
            if LIBC.syscall(made, *longs) != -1 or ctypes.get_errno() != errno.EPERM:
                found[f"{made} {arguments}"] = errno.errorcode.get(ctypes.get_errno(), "done")
    return found


def burn() -> dict[str, str]:
    """Use more CPU time than there is, with the limit raised as far as it can be."""
    attempt(lambda: signal.signal(signal.SIGXCPU, signal.SIG_IGN))
    attempt(lambda: resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY,) * 2))
    while time.process_time() < 3 * _CPU_S:
        pass
    return {"burn CPU time": "done"}


def stay() -> dict[str, str]:
    """Do not look whether the parent is there."""
    while True:
        time.sleep(60)  # until it is killed


def attack(kind: str) -> None:
    results = {
        "attacks": lambda: {name: attempt(action) for name, action in ATTACKS.items()},
        "calls": call_everything,
        "burn": burn,
        "stay": stay,
    }[kind]()
    os.write(1, json.dumps(results).encode())


def fork_worker(work: Callable[[], Any]) -> int:
    """Start a worker that enters the sandbox, and return its id when it has."""
    ready, told = os.pipe()
    if pid := os.fork():
        os.close(told)
        os.read(ready, 1)
        return pid
    sandbox._prctl(sandbox._DUMPABLE, 1)  # as after the start of a program
    os.dup2(told, 0)
    os.close(ready)
    lacks = sandbox.enter(memory_bytes=2**30, cpu_s=_CPU_S)
    assert not lacks, lacks
    os.write(0, b"x")
    work()
    os._exit(0)


def switch_off(parts: list[str]) -> None:
    for part, name in {
        "bot": "hide_memory",
        "user": "_leave_root",
        "limits": "_limit",
        "privileges": "_give_up_privileges",
        "system calls": "_filter_calls",
    }.items():
        if part not in parts:
            setattr(sandbox, name, lambda *_: None)
    if "privileges" not in parts:  # which the filter needs
        sandbox._prctl(sandbox._NO_NEW_PRIVILEGES, 1)


def main() -> None:
    global BOT, SIBLING, FILE
    options = json.loads(sys.argv[1])
    if (user := options["user"]) is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    sandbox._prctl(sandbox._DUMPABLE, 1)
    switch_off(options["parts"])
    sandbox.hide_memory()
    BOT = os.getpid()
    with tempfile.NamedTemporaryFile() as file:
        FILE = file.name
        # The sibling is killed long before.
        SIBLING = fork_worker(lambda: time.sleep(60))
        worker = fork_worker(lambda: attack(options["kind"]))
        if options["kind"] == "stay":
            print(json.dumps({"worker": worker}), flush=True)
        _, status = os.waitpid(worker, 0)
        os.kill(SIBLING, signal.SIGKILL)
        Path(FILE + "-canary").unlink(missing_ok=True)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


if __name__ == "__main__":
    main()
