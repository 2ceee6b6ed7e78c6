"""Which functions of the program are entered, and which of them a message is the cause of.

The rule stands in `benchmarks.road`.
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

from benchmarks.processes import ROOT

#: Folders whose code is the program's.
FOLDERS = ("bots", "core")
_PREFIXES = tuple(f"{ROOT / folder}/" for folder in FOLDERS)


class Function(NamedTuple):
    """A function, by where it is written."""

    #: Of its file, from the root of the repository.
    path: str
    name: str
    line: int


class Recorder:
    """Notes the functions of the program that are entered."""

    def __init__(self) -> None:
        self._calls: list[Function] | None = None

    def install(self) -> None:
        """Watch this thread, and every one that is started from now on."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)

    def record(self) -> list[Function]:
        """Return a list that grows by each call until it is told to record anew or to stop."""
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
    """Return what every message entered, in order, and how often each at least entered it.

    messages: the calls while each of them was on its way. pauses: those after each; what is in
    all of them runs by itself.
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
    """Tell whether this is a function with a name; neither bodies of modules nor of classes are."""
    return (
        _is_ours(code) and not code.co_name.startswith("<") and bool(code.co_flags & CO_OPTIMIZED)
    )


def _is_entered(frame: FrameType) -> bool:
    """Tell whether a frame begins: a coroutine goes on after each wait by a call as well."""
    # The argument of RESUME, at which the frame stands, tells what is resumed: 0 = the start.
    return frame.f_code.co_code[frame.f_lasti + 1] & 3 == 0


def _function(code: CodeType) -> Function:
    path = Path(code.co_filename).relative_to(ROOT).as_posix()
    return Function(path, code.co_qualname, code.co_firstlineno)
