"""Filter of system calls: an allow-list of what decoding needs (seccomp, Linux, x86-64 and ARM64).

The filter is written here, in the kernel's own format, because Python's packages for it need
libseccomp, which pip does not install. A call that is not listed fails with EPERM. Source:
Documentation/userspace-api/seccomp_filter.rst of Linux; numbers: its tables of system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from typing import NamedTuple


class _Call(NamedTuple):
    """A system call, and what must be zero: (number of an argument, bits of its lower half)."""

    x86_64: int
    aarch64: int
    zeros: tuple[tuple[int, int], ...] = ()


_ALL_BITS = 0xFFFF_FFFF
#: Clocks with a negative number tell the CPU time of any process, such as the bot.
_OWN_CLOCK = ((0, 0x8000_0000),)
#: No code is made while this runs.
_NO_NEW_CODE = ((2, 4),)  # PROT_EXEC
#: Numbers on x86-64 and on ARM64; -1 where there is no such call.
_NEEDED = (
    _Call(0, 63),  # read
    _Call(1, 64),  # write
    _Call(20, 66),  # writev
    _Call(3, 57),  # close
    _Call(5, 80),  # fstat
    _Call(8, 62),  # lseek
    _Call(11, 215),  # munmap
    _Call(12, 214),  # brk
    _Call(25, 216),  # mremap
    _Call(28, 233),  # madvise
    _Call(35, 101),  # nanosleep
    _Call(230, 115, _OWN_CLOCK),  # clock_nanosleep
    _Call(228, 113, _OWN_CLOCK),  # clock_gettime
    _Call(96, 169),  # gettimeofday
    _Call(98, 165),  # getrusage
    _Call(202, 98),  # futex
    _Call(318, 278),  # getrandom
    _Call(15, 139),  # rt_sigreturn
    _Call(219, 128),  # restart_syscall
    _Call(60, 93),  # exit
    _Call(231, 94),  # exit_group
    _Call(9, 222, _NO_NEW_CODE),  # mmap
    _Call(10, 226, _NO_NEW_CODE),  # mprotect
    # Its own limit (process 0) on CPU time (RLIMIT_CPU is 0), of which the hard one cannot be
    # raised. That of any process of its user could be set, and so end it.
    _Call(302, 261, ((0, _ALL_BITS), (1, _ALL_BITS))),  # prlimit64
)
#: All flags that open a file for writing or make one.
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | 0o20000000
_READING = (
    _Call(257, 56, ((2, _WRITES),)),  # openat
    _Call(2, -1, ((1, _WRITES),)),  # open
    _Call(262, 79),  # newfstatat
    _Call(4, -1),  # stat
    _Call(332, 291),  # statx
    _Call(21, -1),  # access
    _Call(439, 439),  # faccessat2
    _Call(17, 67),  # pread64
    _Call(19, 65),  # readv
    _Call(217, 61),  # getdents64
)

#: Machine -> its name for the kernel (linux/audit.h), the number of the call seccomp, its column.
_MACHINES = {
    "x86_64": (0xC000_003E, 317, "x86_64"),
    "aarch64": (0xC000_00B7, 277, "aarch64"),
}
_LOAD_WORD, _RETURN = 0x20, 0x06
_JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT = 0x15, 0x45
_ALLOW, _DENY = 0x7FFF_0000, 0x0005_0000 | errno.EPERM
#: Offsets in struct seccomp_data, both machines being little-endian.
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_SET_FILTER, _IN_ALL_THREADS = 1, 1


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("first", ctypes.POINTER(_Instruction)))


def filter_calls(*, can_read_files: bool) -> None:
    """Deny this process all system calls that are not listed, for good.

    Needs PR_SET_NO_NEW_PRIVS, or root. Raises OSError where there is no such filter.
    """
    found = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or found is None:
        raise OSError(errno.ENOSYS, "no filter for this machine")
    machine, seccomp, column = found
    calls = (*_NEEDED, *(_READING if can_read_files else ()))
    code = [
        _Instruction(_LOAD_WORD, 0, 0, _MACHINE_AT),
        # Numbers of 32-bit programs mean other calls.
        _Instruction(_JUMP_IF_EQUAL, 1, 0, machine),
        _Instruction(_RETURN, 0, 0, _DENY),
        _Instruction(_LOAD_WORD, 0, 0, _NUMBER_AT),
    ]
    for call in calls:
        if (number := getattr(call, column)) >= 0:
            code += _allow(number, call)
    code.append(_Instruction(_RETURN, 0, 0, _DENY))
    program = _Program(len(code), (_Instruction * len(code))(*code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(seccomp, _SET_FILTER, _IN_ALL_THREADS, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "the system does not filter calls")


def _allow(number: int, call: _Call) -> list[_Instruction]:
    """Return the instructions that end with the verdict if the call is `number`."""
    verdict: list[_Instruction] = []
    for argument, bits in call.zeros:
        verdict += [
            _Instruction(_LOAD_WORD, 0, 0, _ARGUMENTS_AT + 8 * argument),
            _Instruction(_JUMP_IF_ANY_BIT, 0, 1, bits),
            _Instruction(_RETURN, 0, 0, _DENY),
        ]
    verdict.append(_Instruction(_RETURN, 0, 0, _ALLOW))
    return [_Instruction(_JUMP_IF_EQUAL, 0, len(verdict), number), *verdict]
