"""Tasks of a program's event loop, and how late the loop is, written to a file every second.

Runs in the program after SIGUSR2; `read_loop` is for the test.
"""

from __future__ import annotations

import asyncio
import json
import math
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 0.02
_WRITE_S = 1.0


@dataclass(frozen=True, slots=True)
class LoopState:
    """What the loop of a program was like until now."""

    tasks: int = 0
    #: How late the loop was, in milliseconds: 99 of 100 times at most, and once.
    late_p99_ms: int = 0
    late_max_ms: int = 0
    #: The same in processor time of the loop's own thread, to which other programs add nothing.
    busy_p99_ms: int = 0
    busy_max_ms: int = 0


def read_loop(path: Path) -> LoopState:
    """Return what was written last."""
    return LoopState(**json.loads(path.read_text())) if path.exists() else LoopState()


def watch_on_signal(path: Path) -> None:
    """Begin to watch at SIGUSR2."""
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        tasks.append(asyncio.create_task(_watch(path)))

    def wake(*_: object) -> None:
        # Not call_soon: the loop may sleep in its selector.
        asyncio.get_running_loop().call_soon_threadsafe(begin)

    signal.signal(signal.SIGUSR2, wake)


async def _watch(path: Path) -> None:
    # Rounded up to milliseconds: what is kept does not grow with time.
    late, busy = Counter[int](), Counter[int]()
    written_s = time.monotonic()
    while True:
        began_s, began_busy_s = time.monotonic(), time.thread_time()
        await asyncio.sleep(_TICK_S)  # what is measured
        ended_s = time.monotonic()
        late[math.ceil((ended_s - began_s - _TICK_S) * 1e3)] += 1
        busy[math.ceil((time.thread_time() - began_busy_s) * 1e3)] += 1
        if ended_s - written_s >= _WRITE_S:
            written_s = ended_s
            _write(path, LoopState(len(asyncio.all_tasks()) - 1, *_find(late), *_find(busy)))


def _find(counts: Counter[int]) -> tuple[int, int]:
    """Return the 99th percentile and the maximum."""
    left = counts.total() // 100
    for value in sorted(counts, reverse=True):
        left -= counts[value]
        if left < 0:
            return value, max(counts)
    return 0, 0


def _write(path: Path, state: LoopState) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps({name: getattr(state, name) for name in state.__slots__}))
    new.replace(path)
