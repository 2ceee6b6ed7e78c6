"""Stall detection: how long a job has waited without progress, and when it is given up.

Progress is a finished call, a piece of a recording, or a part of a stream. A job's timer is in a
context variable, so that whatever waits deep inside a job can tell it about progress.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar

from core.clock import CLOCK, Clock
from core.errors import EngineBusy

#: Each try has at least so long, whatever the job waited for before.
MIN_TRY_S = 15.0
#: A download may take so long, and longer the more of it has arrived at a fair pace.
DOWNLOAD_S, _LEAST_BYTES_PER_S = 300.0, 10_000


class StallTimer:
    """How long one job has waited without progress, over all its attempts."""

    #: A job without progress for so long is given up.
    max_s = 90.0

    def __init__(self, queued_s: float = 0.0, clock: Clock = CLOCK) -> None:
        """queued_s: how long the job has waited before its first attempt."""
        self.clock = clock
        now_s = clock.monotonic()
        #: When there was progress last, or something was shown to the person.
        self.moved_at_s = now_s - queued_s
        #: From when the wait counts: later than the last progress where the wait has a known end.
        self.counts_from_s = now_s - min(queued_s, self.max_s - MIN_TRY_S)
        #: When the job was begun, and whether the person was offered to cancel it.
        self.began_at_s, self.is_cancel_offered = now_s, False
        self._has_excuse = True
        #: Calls under way that may be silent for long.
        self._slow_calls = 0
        #: Of calls that the job waits for together with others; of jobs that wait for this call.
        self._followed, self._followers = list[StallTimer](), list[StallTimer]()
        #: Waits under way that do not count, and when the first of them began.
        self._uncounted, self._uncounted_from_s = 0, now_s

    @property
    def idle_s(self) -> float:
        """Seconds since the last progress, or since something was last shown to the person."""
        moved_at_s = max(timer.moved_at_s for timer in (self, *self._followed))
        return self.clock.monotonic() - moved_at_s

    @property
    def waited_s(self) -> float:
        """Seconds without progress that count towards `max_s`."""
        timers = (self, *self._followed)
        if self._uncounted or any(timer._slow_calls for timer in timers):
            return 0.0
        counts_from_s = max(timer.counts_from_s for timer in timers)
        return max(0.0, self.clock.monotonic() - counts_from_s)

    def extend(self, known_s: float = 0.0) -> None:
        """Begin to count anew, though there is no progress, after `known_s`."""
        self.counts_from_s = self.clock.monotonic() + known_s

    def excuse(self, asked_s: float) -> None:
        """Do not count the first wait that the service asks for; later ones count."""
        if self._has_excuse:
            self._has_excuse = False
            self.extend(asked_s)

    @contextmanager
    def slow_call(self) -> Iterator[None]:
        """Do not give up the job while the body runs; its time counts once it has failed."""
        self._slow_calls += 1
        try:
            yield
        finally:
            self._slow_calls -= 1

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Do not count the time of the body, for those who follow either."""
        self._stop_counting()
        try:
            yield
        finally:
            self._go_on_counting()

    def _stop_counting(self) -> None:
        self._uncounted += 1
        if self._uncounted == 1:
            self._uncounted_from_s = self.clock.monotonic()
            for one in self._followers:
                one._stop_counting()

    def _go_on_counting(self) -> None:
        self._uncounted -= 1
        if not self._uncounted:
            now_s = self.clock.monotonic()
            later_s = min(now_s, self.counts_from_s + now_s - self._uncounted_from_s)
            self.counts_from_s = max(self.counts_from_s, later_s)
            for one in self._followers:
                one._go_on_counting()

    @contextmanager
    def follow(self, call: StallTimer) -> Iterator[None]:
        """Take the progress of `call` for the job's own while the body runs."""
        self._followed.append(call)
        call._followers.append(self)
        if call._uncounted:
            self._stop_counting()
        try:
            yield
        finally:
            self._followed.remove(call)
            call._followers.remove(self)
            if call._uncounted:
                self._go_on_counting()
            self.moved_at_s = max(self.moved_at_s, call.moved_at_s)
            self.counts_from_s = max(self.counts_from_s, call.counts_from_s)

    @asynccontextmanager
    async def limit(self, max_s: float | None = None) -> AsyncIterator[None]:
        """Raise EngineBusy in the body, one try, once the job has waited for `max_s`.

        None = its own.
        """
        max_s = self.max_s if max_s is None else max_s
        watch: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(None) as timeout:
                watch = asyncio.create_task(self._expire(timeout, max_s))
                yield
        except TimeoutError:
            if not timeout.expired():
                raise
            raise EngineBusy(f"no progress for {max_s:.0f} s") from None
        finally:
            if watch:
                watch.cancel()

    async def _expire(self, timeout: asyncio.Timeout, max_s: float) -> None:
        await self.clock.sleep(min(max_s, MIN_TRY_S))
        while (left_s := max_s - self.waited_s) > 0:
            await self.clock.sleep(max(0.02, left_s))
        timeout.reschedule(asyncio.get_running_loop().time())


#: The timer of the job that is being run; None outside of jobs.
_CURRENT: ContextVar[StallTimer | None] = ContextVar("stall_timer", default=None)

set_timer = _CURRENT.set
find_timer = _CURRENT.get


class MovingLine:
    """A line in which jobs wait: that is no stall while it moves."""

    def __init__(self) -> None:
        #: Of those who wait.
        self.timers = list[StallTimer]()

    @contextmanager
    def wait(self) -> Iterator[None]:
        """Wait in the body."""
        waiting = [timer] if (timer := find_timer()) else []
        self.timers += waiting
        try:
            yield
        finally:
            for one in waiting:
                self.timers.remove(one)

    def move(self) -> None:
        """Begin to count the waits of those in the line anew."""
        for timer in self.timers:
            timer.extend()


@asynccontextmanager
async def limit_stall(max_s: float) -> AsyncIterator[None]:
    """Raise EngineBusy in the body once the current job, if there is one, waited for `max_s`."""
    timer = find_timer()
    if timer is None:
        yield
        return
    async with timer.limit(max_s):
        yield


def slow_call() -> AbstractContextManager[None]:
    """Return `StallTimer.slow_call` of the current job, if there is one."""
    timer = find_timer()
    return timer.slow_call() if timer else nullcontext()


def uncounted() -> AbstractContextManager[None]:
    """Return `StallTimer.uncounted` of the current job, if there is one."""
    timer = find_timer()
    return timer.uncounted() if timer else nullcontext()


def note_progress() -> None:
    """Begin to count the wait of the current job, if there is one, anew."""
    if timer := find_timer():
        timer.moved_at_s = timer.counts_from_s = timer.clock.monotonic()


async def follow_download(
    chunks: AsyncIterator[bytes], deadline: asyncio.Timeout
) -> AsyncIterator[bytes]:
    """Yield the chunks of a download, which moves its deadline: a large file may take long.

    Their time does not count for the current job, if there is one. They are no progress either:
    each attempt begins with the first of them.
    """
    loop = asyncio.get_running_loop()
    began_s = arrived_at_s = loop.time()
    size_bytes = 0
    async for chunk in chunks:
        now_s, size_bytes = loop.time(), size_bytes + len(chunk)
        if timer := find_timer():
            timer.counts_from_s += now_s - arrived_at_s
        arrived_at_s = now_s
        deadline.reschedule(began_s + DOWNLOAD_S + size_bytes / _LEAST_BYTES_PER_S)
        yield chunk
