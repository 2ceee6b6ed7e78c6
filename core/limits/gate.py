"""The gate in front of an engine: the limits of its account, and pauses when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from math import inf
from typing import Any

import structlog

from core import metrics
from core.clock import CLOCK, Clock
from core.errors import EngineBusy, EngineError
from core.fair_line import FairLine, Waiter
from core.interfaces import CallLimits, Rooms
from core.limits.forecast import Ahead, find_ahead
from core.limits.room import AccountState, Room
from core.requester import REQUESTER
from core.stall import MovingLine, note_progress, slow_call

#: Consecutive failures, of any callers, after which the engine is paused.
FAILURES_BEFORE_PAUSE = 5
#: How long calls have failed in a row when the engine counts as out of order.
OUTAGE_S = 20.0
#: Longest pause between two attempts at an engine that is down.
MAX_PAUSE_S = 60.0
#: A longer wait is left to the job, which frees its place for others.
MAX_WAIT_S = 20.0
#: Share of the newest call in the average of how long calls take.
_NEW_SHARE = 0.2

#: Called with what stands for a call in the line.
OnWait = Callable[[Waiter], None]

log = structlog.get_logger()


class AccountGate:
    """The gate in front of one engine.

    role: the role of the engine, if it has several with limits of their own.
    """

    #: Seconds that a second of a long recording took lately; None before the first one.
    pace: float | None = None
    #: When a call succeeded and one failed last, and how long the first kind took, on an average.
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    call_s = 0.0

    def __init__(
        self, engine: str, limits: CallLimits, role: str = "", clock: Clock = CLOCK
    ) -> None:
        self._engine, self._name = engine, f"{engine} {role}".rstrip()
        self._limits, self._clock = limits, clock
        #: Calls that wait, and the room for them.
        self._line, self._room = FairLine(), Room(limits, clock)
        #: Set, and replaced, when those who wait are to look again.
        self._change = asyncio.Event()
        #: The call that finds out whether the engine is back.
        self._probe: Waiter | None = None
        #: Waiting in the body of its `wait` is no stall while calls of others succeed.
        self.moving = MovingLine()
        self._failures, self._failing_from_s = 0, 0.0
        self._failed_recording: str | None = None
        #: Different recordings failed in a row: a single one may itself be the cause.
        self._is_down = False
        self._paused_until = 0.0
        #: Until when the service asked us to wait; success of an earlier call does not end that.
        self._asked_until = 0.0
        self._last_error: EngineError | None = None

    def share(self, rooms: Rooms, watch: Callable[[Callable[[Any], object]], object]) -> None:
        """Share the limits with other processes, unless each has its own. Before any call.

        watch: gets what is to be called when others may have made room, with the account or None.
        """
        if self._limits.is_own:
            return
        from core.limits.shared_room import SharedRoom  # loaded only where it is used

        self._room = SharedRoom(self._limits, self._clock, rooms, self._name)
        self._room.on_pause = self._note_pause
        watch(self._note_room)

    def _note_pause(self, wait_s: float) -> None:
        """Wait as another process was asked to, or because it has failed."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + wait_s)
        self._last_error = self._last_error or EngineBusy("the engine is paused")
        self._look_again()

    def _note_room(self, account: str | None) -> None:
        if account in (None, self._name):
            if not self._failures:
                self._paused_until = self._asked_until
            self._look_again()

    @property
    def fault(self) -> EngineError | None:
        """The last error, if only the operator can fix it and no call has succeeded since."""
        last = self._last_error
        return last if self._failures and last and last.is_parking else None

    @property
    def outage(self) -> EngineError | None:
        """The last error, if it is a `fault` or calls fail for a while; one told to wait works."""
        last, failed_s = self._last_error, self._clock.monotonic() - self._failing_from_s
        is_down = self._failures >= FAILURES_BEFORE_PAUSE and failed_s >= OUTAGE_S
        return last if is_down and last and last.status != 429 else self.fault

    @property
    def is_failing(self) -> bool:
        """Whether calls wait because others have failed, so that nobody knows how long."""
        return self._failures > 0 and self._pause_left_s > 0

    @property
    def _pause_left_s(self) -> float:
        return max(0.0, self._paused_until - self._clock.monotonic())

    async def state(self) -> AccountState:
        """Return the state of the account."""
        return AccountState(
            *await self._room.use(),
            self._failures,
            self._pause_left_s,
            type(self._last_error).__name__ if self._last_error else "",
            self.failed_at,
        )

    async def expected_wait_s(self, duration_s: float, own: Collection[Waiter] = ()) -> float:
        """Return how long a recording will be held back: by the limits, a pause, and other calls.

        duration_s: what of it has not been let through. own: its calls that may be in the line.
        """
        own_calls = sum(one in self._line.waiting for one in own)
        if duration_s <= 0 and not own_calls:
            return 0.0
        ahead = self.find_ahead(duration_s, own)
        length_s, calls = duration_s + ahead.length_s, ahead.calls + max(1, own_calls)
        wait_s = await self._room.expected_wait_s(length_s, calls)
        is_full = own_calls > 0 and self._room.is_full
        busy_s = (ahead.calls + is_full) * self.call_s / self._limits.concurrency
        return max(self._pause_left_s, busy_s, wait_s)

    def find_ahead(self, duration_s: float, own: Collection[Waiter] = ()) -> Ahead:
        """Return which calls go before those of a recording; see `expected_wait_s`."""
        return find_ahead(self._line, own, REQUESTER.get().person, duration_s)

    def waiting_of(self, person: str) -> list[Waiter]:
        """Return the calls of a person that wait."""
        return [one for one in self._line.waiting if one.person == person]

    @asynccontextmanager
    async def call(
        self, duration_s: float, recording: str = "", on_wait: OnWait | None = None
    ) -> AsyncIterator[None]:
        """Wait until it is this call's turn and the account's limits allow it, then let it through.

        duration_s: length of the audio, by which people take turns and tokens are estimated.
        recording: distinguishes this recording from others. on_wait: called if it has to wait.
        Raises the last error again if the engine is paused for long.
        """
        waiter = Waiter(REQUESTER.get().person, duration_s)
        try:
            if self._line.waiting or await self._admit(waiter):
                with self.moving.wait():
                    await self._wait(waiter, on_wait)
            began_s = self._clock.monotonic()
            with slow_call() if self._limits.is_slow else nullcontext():
                yield
        except EngineError as error:
            if waiter.is_served:
                self._note_error(error, recording, is_probe=self._probe is waiter)
            raise
        else:
            self._note_success(self._clock.monotonic() - began_s)
        finally:
            waiter.is_gone = True
            if waiter.is_served:
                self._room.give_back(waiter)
            if self._line.waiting:
                self._line.leave(waiter)
                self._look_again()

    def _note_success(self, took_s: float) -> None:
        """Take into account that a call has succeeded."""
        self.call_s += (took_s - self.call_s) * (_NEW_SHARE if self.succeeded_at else 1.0)
        metrics.ENGINE_CALLS.labels(self._engine, "ok").inc()
        if self._paused_until > self._asked_until:
            self._room.share_pause(max(0.0, self._asked_until - self._clock.monotonic()))
        self._failures, self._paused_until = 0, self._asked_until
        self.succeeded_at = self._clock.now()
        self._failed_recording, self._is_down = None, False
        note_progress()
        if self.moving.timers:
            self.moving.move()

    def _note_error(self, error: EngineError, recording: str, *, is_probe: bool) -> None:
        """Take into account that a call has failed."""
        metrics.ENGINE_CALLS.labels(self._engine, type(error).__name__).inc()
        self._note_failure(error)
        self._is_down |= self._failed_recording not in (None, recording)
        self._failed_recording = recording
        if is_probe and error.is_retryable and self._is_down:
            # Down for everybody, so this recording is not the cause: it waits with the others.
            self._set_wait(error)

    async def _wait(self, waiter: Waiter, on_wait: OnWait | None) -> None:
        """Wait for the end of a pause, then for the turn of this call and room for it."""
        self._line.enter(waiter)
        self._look_again()
        if on_wait:
            on_wait(waiter)
        while not waiter.is_served:
            change = self._change
            # Running calls may fail meanwhile and extend the pause.
            wait_s = self._pause_left_s
            if wait_s > MAX_WAIT_S and (last := self._last_error):
                metrics.ENGINE_CALLS.labels(self._engine, type(last).__name__).inc()
                error = type(last)("the engine is paused")
                self._set_wait(error)
                raise error
            # The first one in the line looks for all.
            if not wait_s:
                wait_s = await self._serve() if waiter is self._line.waiting[0] else inf
            if not waiter.is_served:
                await self._sleep(change, max(0.02, wait_s))
        # It may have been let through by one that waits no more.
        self._line.serve(waiter)

    async def _sleep(self, change: asyncio.Event, wait_s: float) -> None:
        if wait_s == inf:
            await change.wait()
        else:
            await self._clock.wait_for(change, wait_s)

    async def _serve(self) -> float:
        """Let through all calls that may go; return the seconds until the next may."""
        next_s, held = inf, set[str]()
        for waiter in list(self._line.waiting):
            if waiter.person in held:
                continue
            if wait_s := await self._admit(waiter):
                next_s = min(next_s, wait_s)
                if not waiter.is_held:
                    break
                held.add(waiter.person)
                continue
            self._line.serve(waiter)
            self._look_again()
        return next_s

    async def _admit(self, waiter: Waiter) -> float:
        """Let a call through and return 0, or return the seconds until there may be room."""
        if wait_s := self._pause_left_s:
            return wait_s
        probe_s = self._pause_s() if self._failures >= FAILURES_BEFORE_PAUSE else 0.0
        if wait_s := await self._room.take(waiter, probe_s):
            return wait_s
        if probe_s:
            # The others wait for its result.
            self._probe, self._paused_until = waiter, self._clock.monotonic() + probe_s
        return 0.0

    def _look_again(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    def _set_wait(self, error: EngineError) -> None:
        """Set how long the job waits: not for all of our own pause, which any success ends."""
        error.is_wait_asked = self._paused_until <= self._asked_until
        is_own = not (error.is_wait_asked or error.is_parking)
        error.retry_after_s = min(self._pause_left_s, MAX_WAIT_S if is_own else inf)

    def _note_failure(self, error: EngineError) -> None:
        if not (error.is_retryable or error.is_parking):
            return
        if not self._failures:
            self._failing_from_s = self._clock.monotonic()
        self._failures += 1
        self._last_error, self.failed_at = error, self._clock.now()
        if error.is_parking:
            self._failures = max(self._failures, FAILURES_BEFORE_PAUSE)
        now_s, wait_s = self._clock.monotonic(), error.retry_after_s or 0.0
        self._asked_until = max(self._asked_until, now_s + wait_s)
        if self._failures >= FAILURES_BEFORE_PAUSE:
            wait_s = max(wait_s, self._pause_s())
            log.warning("engine paused", engine=self._name, wait_s=wait_s, error=str(error))
        self._paused_until = max(self._paused_until, now_s + wait_s)
        if wait_s:
            is_down = self._failures >= FAILURES_BEFORE_PAUSE
            self._room.share_pause(self._pause_left_s, self._pause_s() if is_down else 0.0)

    def _pause_s(self) -> float:
        # After days of failures the power would overflow a float.
        doublings = min(10, self._failures - FAILURES_BEFORE_PAUSE + 1)
        return min(MAX_PAUSE_S, 2.0**doublings)
