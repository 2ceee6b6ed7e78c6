"""The room for calls to an engine: so many at once, and so many calls and tokens per minute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from math import inf

from core.clock import Clock
from core.fair_line import Waiter
from core.interfaces import CallLimits
from core.limits.rates import RateUse, SharedRate


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


class Room:
    """The room of one account, all of which this process may use."""

    def __init__(self, limits: CallLimits, clock: Clock) -> None:
        self._limits, self._clock = limits, clock
        #: How many calls of each person are under way.
        self._under_way = Counter[str]()
        #: One person leaves a place to others, unless there are so few that it would be half.
        self._most_of_one = limits.concurrency - (limits.concurrency > 2)
        self._calls = SharedRate(limits.calls_per_minute, clock)
        self._tokens = SharedRate(limits.tokens_per_minute, clock)
        #: What a call takes of each rate, and what a second of its audio does.
        rates = (self._calls, 1.0, 0.0), (self._tokens, limits.tokens_per_call, limits.tokens_per_s)
        self._rates = [one for one in rates if one[0].all.is_limited]

    @property
    def is_full(self) -> bool:
        """Whether as many calls are under way as may be."""
        return self._under_way.total() >= self._limits.concurrency

    async def use(self) -> tuple[RateUse | None, RateUse | None]:
        """Return how much of the limits of calls and of tokens was used within the last minute."""
        return await self._calls.all.use(), await self._tokens.all.use()

    async def expected_wait_s(self, length_s: float, calls: int) -> float:
        """Return how long the limits per minute hold back so many calls, and so much audio."""
        waits = [
            await rate.all.expected_wait_s(int(calls * each + length_s * per_s))
            for rate, each, per_s in self._rates
        ]
        return max(waits, default=0.0)

    async def take(self, waiter: Waiter, probe_s: float) -> float:
        """Let a call through and return 0, or return the seconds until there may be room.

        Sets `is_served`, and whether only the part is free that its person leaves to others.
        probe_s: for so long other processes wait then.
        """
        person = waiter.person
        if self._under_way.total() >= self._limits.concurrency:
            return inf
        waiter.is_held = bool(person) and self._under_way[person] >= self._most_of_one
        if waiter.is_held:
            return inf
        costs = [(rate, int(each + per_s * waiter.length_s)) for rate, each, per_s in self._rates]
        for rate, cost in costs:
            wait_s, waiter.is_held = await rate.wait_s(cost, person)
            if wait_s:
                return wait_s
        for rate, cost in costs:
            await rate.take(cost, person)
        waiter.is_served = True
        self._under_way.update((person,))
        return 0.0

    def give_back(self, waiter: Waiter) -> None:
        """Make room: a call that was let through is over."""
        self._under_way.subtract((waiter.person,))
        if not self._under_way.total():
            self._under_way.clear()

    def share_pause(self, wait_s: float, probe_s: float = 0.0) -> None:
        """Let other processes wait for so long, 0 to end their wait. Here there are none.

        probe_s: if the engine is down, how long they wait for the first call after that.
        """
