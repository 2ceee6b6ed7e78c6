"""An event loop whose time jumps to the next timer as soon as nothing else can happen.

Every async test runs on it unless marked `real_time`: sleeping for an hour takes no time, and a
timeout expires only when everything that could still respond is idle. It waits in real time for:

- calls to other threads, which are counted, those of anyio as well: the web server reads files
  in them;
- sockets: local servers run on the same loop (see `tests.emulators.local_server`), so what one side
  has sent the other can read at once;
- child processes, unless all of them sleep.
"""

from __future__ import annotations

import asyncio
import re
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from typing import Any

import anyio._backends._asyncio

from core.clock import Clock

#: When every virtual loop begins: a Wednesday at noon. Were it the moment of the run, tests would
#: depend on the time of day. It is years from now, so that whatever reads the machine's clock
#: instead is found, and between two milliseconds, as moments are.
BEGAN_AT = datetime(2029, 5, 16, 12, 0, 0, 123_456, tzinfo=UTC)
#: What `time()` says then.
_FIRST_S = 1000.0
#: How long to wait for the kernel to deliver what was sent.
_QUIET_S = 0.001
#: A thread or child that takes longer than this hangs, even on a busy machine.
_OUTSIDE_S = 240.0
#: A thread that sleeps, or was stopped by a signal.
_ASLEEP = re.compile(r"^State:\t[ST]", re.MULTILINE)


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for sockets and other threads in real time, and for timers not at all."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        end_s = time.monotonic() + _OUTSIDE_S
        while self.loop.is_waiting_outside() and time.monotonic() < end_s:
            if ready := super().select(0.01):
                return ready
        has_sockets = len(self.get_map()) > 1  # besides the loop's own, which wakes it
        if has_sockets and (ready := super().select(_QUIET_S)):
            return ready
        if timeout is None:
            return super().select(_OUTSIDE_S)  # only another thread can still wake us
        self.loop.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` only moves by jumps."""

    def __init__(self) -> None:
        self._now_s = _FIRST_S
        self._outside: set[asyncio.Future[Any]] = set()
        self._children: set[asyncio.SubprocessTransport] = set()
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._now_s

    def advance(self, delay_s: float) -> None:
        """Let `delay_s` seconds pass."""
        self._now_s += delay_s

    def watch(self, future: asyncio.Future[Any]) -> None:
        """Stop time until `future` is done; another thread sets its result."""
        self._outside.add(future)
        future.add_done_callback(self._outside.discard)

    def is_waiting_outside(self) -> bool:
        """Return whether another thread or a child process is busy."""
        # The exit code is set by another thread.
        self._children = {child for child in self._children if child.get_returncode() is None}
        return bool(self._outside) or any(_is_busy(child.get_pid()) for child in self._children)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.watch(future)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for threads, which take real time, however long they take."""
        await super().shutdown_default_executor()

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        transport, protocol = await super().subprocess_exec(*args, **kwargs)
        self._children.add(transport)
        return transport, protocol


class LoopClock(Clock):
    """The time of the running `VirtualLoop`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop), "only on a virtual loop"
        self._loop = loop

    def now(self) -> datetime:
        return BEGAN_AT + timedelta(seconds=self._loop.time() - _FIRST_S)

    def monotonic(self) -> float:
        return self._loop.time()


class _WatchedQueue(Queue[Any]):
    """The queue of a worker thread of anyio; the loop watches what each item waits for."""

    def put_nowait(self, item: Any) -> None:
        if item is not None and isinstance(loop := item[3].get_loop(), VirtualLoop):
            loop.watch(item[3])
        super().put_nowait(item)


anyio._backends._asyncio.Queue = _WatchedQueue  # type: ignore[attr-defined]


def is_virtual() -> bool:
    """Return whether the running loop is a `VirtualLoop`."""
    try:
        return isinstance(asyncio.get_running_loop(), VirtualLoop)
    except RuntimeError:
        return False


def current_clock() -> Clock:
    """Return the clock of the running loop, virtual or not."""
    return LoopClock() if is_virtual() else Clock()


def _is_busy(pid: int) -> bool:
    """Return whether a process has a thread that does not sleep, or has just ended.

    Read twice: between two reads one thread may wake another and go to sleep.
    """
    before = _read_threads(pid)
    return not all(_ASLEEP.search(thread) for thread in before) or _read_threads(pid) != before


def _read_threads(pid: int) -> list[str]:
    """Return /proc status of each thread: its state and context switches."""
    try:
        return [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return ["gone"]
