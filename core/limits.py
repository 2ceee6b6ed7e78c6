"""Rate limits: per key, and of the accounts at engines, whose calls pause when the engine fails.

Limits are per minute, with the moving window of the package `limits`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
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
from core.stall import StallTimer, find_timer, note_progress, slow_call

#: Consecutive failures, of any callers, after which the engine is paused.
FAILURES_BEFORE_PAUSE = 5
#: Longest pause between two attempts at an engine that is down.
MAX_PAUSE_S = 60.0
#: A longer wait is left to the job, which frees its place for others.
MAX_WAIT_S = 20.0
#: Shortest wait for room: the window may free it a rounding error later than it says.
_MIN_WAIT_S = 0.02

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RateUse:
    """How much of a limit was used within the last minute."""

    used: int
    limit: int


class RateLimit:
    """Allows each key so many units per minute, None = unlimited."""

    def __init__(self, per_minute: int | None, clock: Clock = CLOCK) -> None:
        self._per_minute = per_minute
        self._item = RateLimitItemPerMinute(per_minute or 1)
        self._clock = clock
        self._storage = _ClockStorage(clock)
        self._windows = MovingWindowRateLimiter(self._storage)

    async def wait_s(self, cost: int = 1, key: str = "") -> float:
        """Return the seconds until `cost` units may be free, 0 if they are.

        More units than are allowed per minute count as all of them.
        """
        cost = min(cost, self._per_minute or 0)
        if not cost or await self._windows.test(self._item, key, cost=cost):
            return 0.0
        window = await self._windows.get_window_stats(self._item, key)
        return max(_MIN_WAIT_S, window.reset_time - self._clock.monotonic())

    async def take(self, cost: int = 1, key: str = "") -> float:
        """Use `cost` units and return 0, or use none and return what `wait_s` returns."""
        wait_s = await self.wait_s(cost, key)
        cost = min(cost, self._per_minute or 0)
        if cost and not wait_s:
            await self._windows.hit(self._item, key, cost=cost)
        return wait_s

    async def expected_wait_s(self, cost: int, key: str = "") -> float:
        """Return the seconds until `cost` units will have been used, one after the other."""
        if not self._per_minute or cost <= 0:
            return 0.0
        minutes = (cost - 1) // self._per_minute
        used = await self._storage.list_used(self._item.key_for(key))
        free = self._per_minute - sum(amount for _, amount in used)
        wait_s = 0.0
        while used and free < cost - minutes * self._per_minute:
            taken_at_s, amount = used.pop(0)
            free += amount
            wait_s = taken_at_s + 60.0 - self._clock.monotonic()
        return 60.0 * minutes + wait_s

    async def use(self, key: str = "") -> RateUse | None:
        """Return how much of the limit is used, None if there is no limit."""
        if not self._per_minute:
            return None
        window = await self._windows.get_window_stats(self._item, key)
        return RateUse(self._per_minute - window.remaining, self._per_minute)


class _ClockStorage(MemoryStorage):
    """Moving windows in memory by `Clock`: those of the package use `time.time`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        #: By key: when units were used, and how many, the oldest first.
        self._taken: defaultdict[str, deque[tuple[float, int]]] = defaultdict(deque)

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Use `amount` of `limit` for the next `expiry` seconds; False if that is too much."""
        _, used = await self.get_moving_window(key, limit, expiry)
        if used + amount > limit:
            return False
        self._taken[key].append((self._clock.monotonic(), amount))
        return True

    async def list_used(self, key: str) -> list[tuple[float, int]]:
        """Return when units were used within the last minute, and how many, the oldest first."""
        await self.get_moving_window(key, 0, 60)
        return list(self._taken[key])

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the window begins, by `Clock.monotonic`, and how much of it is used."""
        now, taken = self._clock.monotonic(), self._taken[key]
        while taken and taken[0][0] + expiry <= now:
            taken.popleft()
        return taken[0][0] if taken else now, sum(amount for _, amount in taken)


@dataclass(frozen=True, slots=True)
class AccountState:
    """The state of an account, for the operator."""

    calls: RateUse | None
    tokens: RateUse | None
    #: Consecutive failures; 0 while the service works.
    failures: int
    #: The rest of the current pause.
    pause_s: float
    #: Class and time of the last failure, even if later calls succeeded.
    error: str = ""
    failed_at: datetime | None = None


class AccountGate:
    """The gate in front of one engine.

    role: the role of the engine, if it has several with limits of their own.
    """

    def __init__(
        self, engine: str, limits: CallLimits, role: str = "", clock: Clock = CLOCK
    ) -> None:
        self._engine = engine
        self._name = f"{engine} {role}".rstrip()
        self._limits = limits
        self._clock = clock
        #: Hold one around a call. They bound the calls, and the pieces of audio in memory.
        self.slots = asyncio.Semaphore(limits.concurrency)
        #: Of what is long only one call is in the line for its turn: short ones pass the others.
        self._turn, self._long_turn = asyncio.Lock(), asyncio.Lock()
        #: Of the jobs that wait for their calls to be let through.
        self._line: list[StallTimer] = []
        self._calls = RateLimit(limits.calls_per_minute, clock)
        self._tokens = RateLimit(limits.tokens_per_minute, clock)
        self._failures = 0
        self._failed_recording: str | None = None
        #: Different recordings failed in a row: a single one may itself be the cause.
        self._is_down = False
        self._paused_until = 0.0
        #: Until when the service asked us to wait; success of an earlier call does not end that.
        self._asked_until = 0.0
        self._last_error: EngineError | None = None
        self._failed_at: datetime | None = None
        #: Whether any call has succeeded.
        self.has_succeeded = False

    @property
    def fault(self) -> EngineError | None:
        """The last error, if only the operator can fix it and no call has succeeded since."""
        last = self._last_error
        return last if self._failures and last and last.is_parking else None

    async def state(self) -> AccountState:
        """Return the state of the account."""
        return AccountState(
            await self._calls.use(),
            await self._tokens.use(),
            self._failures,
            max(0.0, self._paused_until - self._clock.monotonic()),
            type(self._last_error).__name__ if self._last_error else "",
            self._failed_at,
        )

    async def expected_wait_s(self, duration_s: float) -> float:
        """Return how long the limits will hold back calls with so much audio in all."""
        pause_s = max(0.0, self._paused_until - self._clock.monotonic())
        tokens = int(duration_s * self._limits.tokens_per_s)
        return max(pause_s, await self._tokens.expected_wait_s(tokens))

    @asynccontextmanager
    async def call(
        self, duration_s: float, recording: str = "", *, is_long: bool = False
    ) -> AsyncIterator[None]:
        """Wait until the account's limits allow a call, then let it through.

        duration_s: length of the audio, from which the call's tokens are estimated.
        recording: distinguishes this recording from others. is_long: others may go first.
        Raises the last error again if the engine is paused for long.
        """
        with self.in_line():
            is_probe = await self._wait(duration_s, is_long=is_long)
        try:
            with slow_call() if self._limits.is_slow else nullcontext():
                yield
        except EngineError as error:
            metrics.ENGINE_CALLS.labels(self._engine, type(error).__name__).inc()
            self._note_failure(error)
            self._is_down |= self._failed_recording not in (None, recording)
            self._failed_recording = recording
            if is_probe and error.is_retryable and self._is_down:
                # Down for everybody, so this recording is not the cause: it waits with the others.
                self._set_wait(error)
            raise
        metrics.ENGINE_CALLS.labels(self._engine, "ok").inc()
        self._failures, self._paused_until = 0, self._asked_until
        self.has_succeeded = True
        self._failed_recording, self._is_down = None, False
        note_progress()
        for waiting in self._line:
            waiting.extend()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold one of `slots`."""
        with self.in_line():
            await self.slots.acquire()
        try:
            yield
        finally:
            self.slots.release()

    @contextmanager
    def in_line(self) -> Iterator[None]:
        """Wait in the body for a call: that is no stall while calls of others succeed."""
        waiting = [timer] if (timer := find_timer()) else []
        self._line += waiting
        try:
            yield
        finally:
            for one in waiting:
                self._line.remove(one)

    async def _wait(self, duration_s: float, *, is_long: bool) -> bool:
        """Wait for the end of a pause, then for room; return whether the call probes the engine."""
        async with self._long_turn if is_long else nullcontext(), self._turn:
            # Running calls may fail meanwhile and extend the pause.
            while (wait_s := self._paused_until - self._clock.monotonic()) > 0:
                if wait_s > MAX_WAIT_S and (last := self._last_error):
                    metrics.ENGINE_CALLS.labels(self._engine, type(last).__name__).inc()
                    error = type(last)("the engine is paused")
                    self._set_wait(error)
                    raise error
                await self._clock.sleep(max(0.02, wait_s))
            is_probe = self._failures >= FAILURES_BEFORE_PAUSE
            if is_probe:
                # The others wait for its result.
                self._paused_until = self._clock.monotonic() + self._pause_s()
            tokens = int(self._limits.tokens_per_call + duration_s * self._limits.tokens_per_s)
            costs = ((self._calls, 1), (self._tokens, tokens))
            for rate, cost in costs:
                while wait_s := await rate.wait_s(cost):
                    await self._clock.sleep(wait_s)
            for rate, cost in costs:
                await rate.take(cost)
            return is_probe

    def _set_wait(self, error: EngineError) -> None:
        """Set how long the job waits: not for all of our own pause, which any success ends."""
        wait_s = max(0.0, self._paused_until - self._clock.monotonic())
        error.is_wait_asked = self._paused_until <= self._asked_until
        is_own = not (error.is_wait_asked or error.is_parking)
        error.retry_after_s = min(wait_s, MAX_WAIT_S) if is_own else wait_s

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
        # After days of failures the power would overflow a float.
        doublings = min(10, self._failures - FAILURES_BEFORE_PAUSE + 1)
        return min(MAX_PAUSE_S, 2.0**doublings)
