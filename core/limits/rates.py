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
        self.is_limited, self.per_minute = per_minute is not None, per_minute or 0
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
        if not self._per_minute:
            return 0.0
        used, now_s = (
            await self._storage.list_used(self._item.key_for(key)),
            self._clock.monotonic(),
        )
        free = [(taken_at_s + 60.0 - now_s, amount) for taken_at_s, amount in used]
        return find_wait_s(free, cost, self._per_minute)

    async def use(self, key: str = "") -> RateUse | None:
        """Return how much of the limit is used, None if there is no limit."""
        if not self._per_minute:
            return None
        window = await self._windows.get_window_stats(self._item, key)
        return RateUse(self._per_minute - window.remaining, self._per_minute)


def find_wait_s(used: list[tuple[float, int]], cost: int, per_minute: int) -> float:
    """Return the seconds until `cost` units will have been used, one after the other.

    used: in how many seconds how many units are free again, the next first.
    """
    if cost <= 0:
        return 0.0
    minutes = (cost - 1) // per_minute
    free, wait_s = per_minute - sum(amount for _, amount in used), 0.0
    for free_s, amount in used:
        if free >= cost - minutes * per_minute:
            break
        free, wait_s = free + amount, free_s
    return 60.0 * minutes + wait_s


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
        if not taken:
            del self._taken[key]  # there may be many keys
            return now, 0
        return taken[0][0], sum(amount for _, amount in taken)


#: What one person leaves of a limit to others, and how much of that each may use in a minute, so
#: that somebody who has asked for little waits for nobody.
RESERVE_SHARE, LIGHT_SHARE = 0.08, 0.04


class SharedRate:
    """A limit of which nobody uses all that there is.

    A person is "" where nobody in particular asks: then there is nobody to leave a part to.
    """

    def __init__(self, per_minute: int | None, clock: Clock = CLOCK) -> None:
        self.all = RateLimit(per_minute, clock)
        self.reserve = int(RESERVE_SHARE * (per_minute or 0))
        self.light_most = int(LIGHT_SHARE * (per_minute or 0))
        self._light = RateLimit(self.light_most, clock)

    async def wait_s(self, cost: int, person: str) -> tuple[float, bool]:
        """Return the seconds until `cost` units may be free, 0 if they are.

        Also whether only the part that is left to others is free now.
        """
        wait_s = await self.all.wait_s(cost)
        if wait_s or not self.reserve or not person or await self._is_light(cost, person):
            return wait_s, False
        return await self.all.wait_s(cost + self.reserve), True

    async def take(self, cost: int, person: str) -> None:
        """Use `cost` units."""
        if person and await self._is_light(cost, person):
            await self._light.take(cost, person)
        await self.all.take(cost)

    async def _is_light(self, cost: int, person: str) -> bool:
        return cost <= self.light_most and not await self._light.wait_s(cost, person)
