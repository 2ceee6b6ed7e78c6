"""The one source of time: moments, intervals and waits.

Everything that needs the time gets a `Clock`, so that tests can pass one that does not wait.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from datetime import UTC, datetime
from functools import partial


class Clock:
    """The machine's own clock."""

    #: Returns the current moment, aware, in UTC.
    now = staticmethod(partial(datetime.now, UTC))
    #: Returns seconds from an arbitrary start that never go back: for intervals.
    monotonic = staticmethod(time.monotonic)
    #: Waits for so many seconds; 0 or less lets other tasks run once.
    sleep = staticmethod(asyncio.sleep)

    async def wait_for(self, event: asyncio.Event, most_s: float) -> None:
        """Wait until `event` is set, or `most_s` seconds have passed."""
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self.sleep(most_s))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()


#: The default clock.
CLOCK = Clock()

#: A loop that wakes this much later than it asked for was suspended: load alone is never so long.
#: It never asks for longer: a timeout that is due by then would expire all the same.
STANDSTILL_S = 5.0


class SteadyLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stops while the process is suspended.

    A suspended machine or a paused container stops the process for minutes. When it resumes, every
    timeout would expire at once, before responses that have already arrived are read: what was
    sent would count as lost, and be sent again.
    """

    def __init__(self) -> None:
        self._suspension = _Selector()
        super().__init__(self._suspension)

    def time(self) -> float:
        """Return monotonic seconds, without those during which the process was suspended."""
        return self._suspension.read_s()


class _Selector(selectors.DefaultSelector):
    """A selector that adds up the time during which the process was suspended."""

    def __init__(self) -> None:
        super().__init__()
        self._lost_s = 0.0
        self._read_at_s = time.monotonic()

    def read_s(self, asked_s: float = 0.0) -> float:
        """Return monotonic seconds without those lost. asked_s: the wait since the last reading.

        A suspension may begin between any two readings, and nobody knows when: all of an interval
        that was too long is lost.
        """
        now_s = time.monotonic()
        took_s = now_s - self._read_at_s
        self._read_at_s = now_s
        if took_s - asked_s > STANDSTILL_S:
            self._lost_s += took_s
        return now_s - self._lost_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.read_s()
        asked_s = STANDSTILL_S if timeout is None else max(0.0, min(timeout, STANDSTILL_S))
        ready = super().select(asked_s)
        self.read_s(asked_s)
        return ready
