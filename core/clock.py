"""The one source of time: moments, intervals and waits.

Whoever needs any of them is given a `Clock`, so that tests can give one that need not wait.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from datetime import UTC, datetime


class Clock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back: for intervals."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds; 0 or less lets other tasks run once."""
        await asyncio.sleep(delay_s)

    async def wait(self, event: asyncio.Event, limit_s: float) -> None:
        """Wait until `event` is set, but at most `limit_s` seconds."""
        waits = [asyncio.create_task(wait) for wait in (event.wait(), self.sleep(limit_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()


#: The clock of everything that is not given another one.
CLOCK = Clock()

#: A loop that comes back this much later than it asked for stood still: no busy machine is so late.
STANDSTILL_S = 5.0


class SteadyLoop(asyncio.SelectorEventLoop):
    """An event loop for which no time passes while the whole process stands still.

    A suspended machine or a paused container stops it for minutes. When it goes on, every limit
    would be over at once, before the answers that have long been there are read: what was sent
    would count as lost, and be sent again.
    """

    def __init__(self) -> None:
        self._steps = _Steps()
        super().__init__(self._steps)

    def time(self) -> float:
        """Return seconds that only grow, without those spent standing still."""
        return super().time() - self._steps.lost_s


class _Steps(selectors.DefaultSelector):
    """Adds up by how much the loop's steps were later than they should have been."""

    lost_s = 0.0
    _ended_at_s: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        begun_at_s = time.monotonic()
        if self._ended_at_s is not None:
            self._count(begun_at_s - self._ended_at_s)
        ready = super().select(timeout)
        self._ended_at_s = time.monotonic()
        if timeout is not None:
            self._count(self._ended_at_s - begun_at_s - max(0.0, timeout))
        return ready

    def _count(self, late_s: float) -> None:
        if late_s > STANDSTILL_S:
            self.lost_s += late_s
