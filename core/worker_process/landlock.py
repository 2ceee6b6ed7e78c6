"""Confinement of a process to reading one folder (Landlock, Linux 5.13 and later).

Source: Documentation/userspace-api/landlock.rst of Linux. The numbers of its system calls are the
same on every machine.
"""

from __future__ import annotations

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
#: All that its first version knows: execute, read, write, make and remove files of every kind.
_EVERYTHING = (1 << 13) - 1


#: struct landlock_ruleset_attr, and the packed struct landlock_path_beneath_attr.
_RULESET, _BENEATH = struct.Struct("=Q"), struct.Struct("=Qi")


def allow_reading(folder: str) -> None:
    """Deny this process all files but those in `folder`, which it can read, for good.

    Needs PR_SET_NO_NEW_PRIVS, or root. Raises OSError where the system does not have it.
    """
    ruleset, size = _RULESET.pack(_EVERYTHING), ctypes.c_size_t(_RULESET.size)
    rules = _call(_CREATE_RULESET, ruleset, size, 0)
    opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    try:
        beneath = _BENEATH.pack(_READ_FILE | _READ_FOLDER, opened)
        _call(_ADD_RULE, rules, _PATH_BENEATH, beneath, 0)
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(opened)
        os.close(rules)


def _call(number: int, *arguments: object) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    return result
