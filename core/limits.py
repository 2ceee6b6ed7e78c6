"""What an account may ask of a service: its rate limits, and a pause when it does not answer.

All calls of the process to one engine pass one gate, first come, first served. The moving
windows are those of the `limits` package.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from core import metrics
from core.clock import CLOCK, Clock
from core.errors import EngineError
from core.interfaces import CallLimits

#: Failures in a row, whoever's they are, after which the engine is left alone for a while.
FAILURES_BEFORE_PAUSE = 5
#: Longest pause between two tries of an engine that is down.
MAX_PAUSE_S = 60.0
#: A longer wait is the job's: it gives its place to others and comes back.
MAX_WAIT_S = 20.0

log = structlog.get_logger()


class ClockStorage(MemoryStorage):
    """Moving windows in memory by our clock: those of the package read `time.time`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        #: By key: when something was taken, and how much, the oldest first.
        self._taken: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take `amount` of `limit` for the next `expiry` seconds; False if that is too much."""
        _, used = await self.get_moving_window(key, limit, expiry)
        if used + amount > limit:
            return False
        self._taken[key].append((self._clock.monotonic(), amount))
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the window begins, by `Clock.monotonic`, and how much of it is taken."""
        now, taken = self._clock.monotonic(), self._taken[key]
        while taken and taken[0][0] + expiry <= now:
            taken.popleft()
        return taken[0][0] if taken else now, sum(amount for _, amount in taken)


class Pace:
    """How many calls a minute each caller may make, None = as many as they like."""

    def __init__(self, calls_per_minute: int | None, clock: Clock = CLOCK) -> None:
        self._limit = RateLimitItemPerMinute(calls_per_minute) if calls_per_minute else None
        self._clock = clock
        self._windows = MovingWindowRateLimiter(ClockStorage(clock))

    async def take(self, caller: str) -> float:
        """Count a call and return 0, or return how many seconds to wait until one is free."""
        if self._limit is None or await self._windows.hit(self._limit, caller):
            return 0.0
        window = await self._windows.get_window_stats(self._limit, caller)
        return max(1.0, window.reset_time - self._clock.monotonic())


@dataclass(frozen=True, slots=True)
class RateUse:
    """How much of what is allowed is used."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class AccountState:
    """How an account stands, for the operator."""

    #: What passed within the last minute, and what may.
    calls: RateUse | None
    tokens: RateUse | None
    #: Failures in a row; none while the service answers.
    failures: int
    #: How long it is left alone yet.
    pause_s: float
    #: Class of the last failure and when it was, also if all is well again.
    error: str = ""
    failed_at: datetime | None = None


class AccountGate:
    """The gate in front of one engine; it counts what passes.

    role: what the engine is asked for, where it has several.
    """

    def __init__(
        self, engine: str, limits: CallLimits, role: str = "", clock: Clock = CLOCK
    ) -> None:
        self._engine = engine
        self._name = f"{engine} {role}".rstrip()
        self._limits = limits
        self._clock = clock
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._turn = asyncio.Lock()
        self._windows = MovingWindowRateLimiter(ClockStorage(clock))
        self._failures = 0
        self._failed_sound: str | None = None
        #: More than one sound failed in a row: one alone may itself be what is wrong.
        self._is_down = False
        self._paused_until = 0.0
        #: Until when the service asked us to wait: no answer to an earlier call ends that.
        self._asked_until = 0.0
        self._last_error: EngineError | None = None
        self._failed_at: datetime | None = None

    async def state(self) -> AccountState:
        """Return how the account stands."""
        return AccountState(
            await self._count(self._limits.calls_per_minute, "calls"),
            await self._count(self._limits.tokens_per_minute, "tokens"),
            self._failures,
            max(0.0, self._paused_until - self._clock.monotonic()),
            type(self._last_error).__name__ if self._last_error else "",
            self._failed_at,
        )

    async def _count(self, per_minute: int | None, kind: str) -> RateUse | None:
        if per_minute is None:
            return None
        item = RateLimitItemPerMinute(per_minute)
        window = await self._windows.get_window_stats(item, self._name, kind)
        return RateUse(per_minute - window.remaining, per_minute)

    async def take_slot(self) -> None:
        """Wait for one of the places of calls under way; pieces in memory are bounded by it."""
        await self._slots.acquire()

    def give_slot(self) -> None:
        """Give the place back."""
        self._slots.release()

    @asynccontextmanager
    async def call(self, duration_s: float, sound: str = "") -> AsyncIterator[None]:
        """Wait for room in the account's limits, then let one call through.

        duration_s: length of the sound, from which the call's tokens are estimated.
        sound: what tells this recording from others.
        Raises again what was wrong before while the engine is paused for long.
        """
        try:
            async with self._pass(duration_s, sound):
                yield
        except EngineError as error:
            metrics.ENGINE_CALLS.labels(self._engine, type(error).__name__).inc()
            raise
        metrics.ENGINE_CALLS.labels(self._engine, "ok").inc()

    @asynccontextmanager
    async def _pass(self, duration_s: float, sound: str) -> AsyncIterator[None]:
        async with self._turn:
            is_probe = await self._wait_for_pause()
            await self._wait_for_room(duration_s)
        try:
            yield
        except EngineError as error:
            self._note_failure(error)
            self._is_down |= self._failed_sound not in (None, sound)
            self._failed_sound = sound
            if is_probe and error.is_retryable and self._is_down:
                # Down for everybody, so no fault of this sound: it waits with the others.
                error.retry_after_s = max(0.0, self._paused_until - self._clock.monotonic())
            raise
        self._failures, self._paused_until = 0, self._asked_until
        self._failed_sound, self._is_down = None, False

    async def _wait_for_pause(self) -> bool:
        """Return whether this call is the one that finds out if the engine is back."""
        # Calls under way may fail meanwhile and make the pause longer.
        while (wait_s := self._paused_until - self._clock.monotonic()) > 0:
            if wait_s > MAX_WAIT_S and self._last_error:
                raise type(self._last_error)("the engine is paused", retry_after_s=wait_s)
            await self._clock.sleep(max(0.02, wait_s))
        is_probe = self._failures >= FAILURES_BEFORE_PAUSE
        if is_probe:
            # The others wait for what it finds.
            self._paused_until = self._clock.monotonic() + self._pause_s()
        return is_probe

    async def _wait_for_room(self, duration_s: float) -> None:
        limits = self._limits
        tokens = int(limits.tokens_per_call + duration_s * limits.tokens_per_s)
        needs = [
            (RateLimitItemPerMinute(per_minute), min(cost, per_minute), kind)
            for per_minute, cost, kind in (
                (limits.calls_per_minute, 1, "calls"),
                (limits.tokens_per_minute, tokens, "tokens"),
            )
            if per_minute and cost
        ]
        for item, cost, kind in needs:
            while not await self._windows.test(item, self._name, kind, cost=cost):
                window = await self._windows.get_window_stats(item, self._name, kind)
                await self._clock.sleep(max(0.02, window.reset_time - self._clock.monotonic()))
        for item, cost, kind in needs:
            await self._windows.hit(item, self._name, kind, cost=cost)

    def _note_failure(self, error: EngineError) -> None:
        if not (error.is_retryable or error.is_parking):
            return
        self._failures += 1
        self._last_error, self._failed_at = error, self._clock.now()
        if error.is_parking:
            self._failures = max(self._failures, FAILURES_BEFORE_PAUSE)
        now_s, wait_s = self._clock.monotonic(), error.retry_after_s or 0.0
        self._asked_until = max(self._asked_until, now_s + wait_s)
        if self._failures >= FAILURES_BEFORE_PAUSE:
            wait_s = max(wait_s, self._pause_s())
            log.warning("engine paused", engine=self._name, wait_s=wait_s, error=str(error))
        self._paused_until = max(self._paused_until, now_s + wait_s)

    def _pause_s(self) -> float:
        # Days of failures are more than a float can hold.
        doublings = min(10, self._failures - FAILURES_BEFORE_PAUSE + 1)
        return min(MAX_PAUSE_S, 2.0**doublings)
