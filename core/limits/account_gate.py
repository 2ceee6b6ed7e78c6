"""The gate in front of an engine: the account's rate limits, and a pause when the engine fails.

All calls of the process to one engine pass one gate, first come, first served.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from core import metrics
from core.clock import CLOCK, Clock
from core.errors import EngineError
from core.interfaces import CallLimits
from core.limits.rate_limit import RateLimit, RateUse

#: Consecutive failures, of any callers, after which the engine is paused.
FAILURES_BEFORE_PAUSE = 5
#: Longest pause between two attempts at an engine that is down.
MAX_PAUSE_S = 60.0
#: A longer wait is left to the job, which frees its place for others.
MAX_WAIT_S = 20.0

log = structlog.get_logger()


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
        self._turn = asyncio.Lock()
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

    @asynccontextmanager
    async def call(self, duration_s: float, recording: str = "") -> AsyncIterator[None]:
        """Wait until the account's limits allow a call, then let it through.

        duration_s: length of the audio, from which the call's tokens are estimated.
        recording: distinguishes this recording from others.
        Raises the last error again if the engine is paused for long.
        """
        try:
            async with self._pass(duration_s, recording):
                yield
        except EngineError as error:
            metrics.ENGINE_CALLS.labels(self._engine, type(error).__name__).inc()
            raise
        metrics.ENGINE_CALLS.labels(self._engine, "ok").inc()

    @asynccontextmanager
    async def _pass(self, duration_s: float, recording: str) -> AsyncIterator[None]:
        async with self._turn:
            is_probe = await self._wait_for_pause()
            await self._wait_for_room(duration_s)
        try:
            yield
        except EngineError as error:
            self._note_failure(error)
            self._is_down |= self._failed_recording not in (None, recording)
            self._failed_recording = recording
            if is_probe and error.is_retryable and self._is_down:
                # Down for everybody, so this recording is not the cause: it waits with the others.
                error.retry_after_s = max(0.0, self._paused_until - self._clock.monotonic())
            raise
        self._failures, self._paused_until = 0, self._asked_until
        self._failed_recording, self._is_down = None, False

    async def _wait_for_pause(self) -> bool:
        """Return whether this call is the one that tests if the engine works again."""
        # Running calls may fail meanwhile and extend the pause.
        while (wait_s := self._paused_until - self._clock.monotonic()) > 0:
            if wait_s > MAX_WAIT_S and self._last_error:
                raise type(self._last_error)("the engine is paused", retry_after_s=wait_s)
            await self._clock.sleep(max(0.02, wait_s))
        is_probe = self._failures >= FAILURES_BEFORE_PAUSE
        if is_probe:
            # The others wait for its result.
            self._paused_until = self._clock.monotonic() + self._pause_s()
        return is_probe

    async def _wait_for_room(self, duration_s: float) -> None:
        tokens = int(self._limits.tokens_per_call + duration_s * self._limits.tokens_per_s)
        costs = ((self._calls, 1), (self._tokens, tokens))
        for rate, cost in costs:
            while wait_s := await rate.wait_s(cost):
                await self._clock.sleep(wait_s)
        for rate, cost in costs:
            await rate.take(cost)

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
