"""Rate limits per minute, with the moving window of the package `limits`."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from core.clock import CLOCK, Clock

#: Shortest wait for room: the window may free it a rounding error later than it says.
_MIN_WAIT_S = 0.02


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
        self._windows = MovingWindowRateLimiter(_ClockStorage(clock))

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

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the window begins, by `Clock.monotonic`, and how much of it is used."""
        now, taken = self._clock.monotonic(), self._taken[key]
        while taken and taken[0][0] + expiry <= now:
            taken.popleft()
        return taken[0][0] if taken else now, sum(amount for _, amount in taken)
