"""Recording of the functions that the program calls, and those that every message causes.

`benchmarks.road` defines which functions count.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from benchmarks.support.processes import ROOT

#: Folders whose code is the program's.
FOLDERS = ("bots", "core")
_PREFIXES = tuple(f"{ROOT / folder}/" for folder in FOLDERS)


class Function(NamedTuple):
    """A function, by its source location."""

    #: The file, relative to the root of the repository.
    path: str
    name: str
    line: int


class Recorder:
    """Records the functions of the program that are called."""

    def __init__(self) -> None:
        self._calls: list[Function] | None = None

    def install(self) -> None:
        """Profile this thread and all threads started from now on."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)

    def record(self) -> list[Function]:
        """Return a list that grows with each call until the next `record` or `stop`."""
        self._calls = []
        return self._calls

    def stop(self) -> None:
        self._calls = None

    def _see(self, frame: FrameType, event: str, _: object) -> None:
        calls, code = self._calls, frame.f_code
        if calls is None or event != "call" or not _is_counted(code) or not _is_entered(frame):
            return
        calls.append(_function(code))


def find_road(
    messages: Sequence[Iterable[Function]], pauses: Iterable[Iterable[Function]]
) -> dict[Function, int]:
    """Return the functions that every message called, in order, with their smallest call count.

    messages: calls while each message was processed. pauses: calls in the pause after each one;
    functions in all of them are periodic and do not count.
    """
    idle = set.intersection(*map(set, pauses))
    counts = [Counter(calls) for calls in messages]
    return {
        function: min(count[function] for count in counts)
        for function in counts[-1]
        if function not in idle and all(function in count for count in counts)
    }


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_PREFIXES)


def _is_counted(code: CodeType) -> bool:
    """Return whether this is a named function, no module or class body or lambda."""
    return (
        _is_ours(code) and not code.co_name.startswith("<") and bool(code.co_flags & CO_OPTIMIZED)
    )


def _is_entered(frame: FrameType) -> bool:
    """Return whether a frame starts: resuming a coroutine is a "call" event, too."""
    # The argument of RESUME, the current instruction, is 0 at the start of a function.
    return frame.f_code.co_code[frame.f_lasti + 1] & 3 == 0


def _function(code: CodeType) -> Function:
    path = Path(code.co_filename).relative_to(ROOT).as_posix()
    return Function(path, code.co_qualname, code.co_firstlineno)
