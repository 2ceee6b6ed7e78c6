"""The room for calls to an engine, where several processes share it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any

from core.clock import Clock
from core.errors import StoreError
from core.fair_line import Waiter
from core.interfaces import CallAsk, CallLimits, RateAsk, Rooms, Verdict
from core.limits.budgets import finish
from core.limits.rates import RateUse, find_wait_s
from core.limits.room import Room

#: How long to wait for a database that cannot be reached.
_RETRY_S = 1.0


class SharedRoom(Room):
    """The room of one account: a call is let through by the database."""

    #: Called with how long another process lets all wait.
    on_pause: Callable[[float], object]

    def __init__(self, limits: CallLimits, clock: Clock, rooms: Rooms, account: str) -> None:
        super().__init__(limits, clock)
        self._rooms, self._account = rooms, account
        #: What this process tells the database is in order.
        self._turn = asyncio.Lock()
        #: How many calls of each person the database knows.
        self._told = Counter[str]()
        self._chores = set[asyncio.Task[None]]()
        self._asks = [
            partial(
                RateAsk,
                name,
                rate.all.per_minute,
                reserve=rate.reserve,
                light_most=rate.light_most,
            )
            for name, rate in (("calls", self._calls), ("tokens", self._tokens))
            if rate.all.is_limited
        ]

    async def use(self) -> tuple[RateUse | None, RateUse | None]:
        """Return how much of the limits was used by all processes within the last minute."""
        found = []
        for name, rate in (("calls", self._calls), ("tokens", self._tokens)):
            used = await self._list_used(name) if rate.all.is_limited else []
            use = RateUse(sum(amount for _, amount in used), rate.all.per_minute)
            found.append(use if rate.all.is_limited else None)
        return found[0], found[1]

    async def expected_wait_s(self, length_s: float, calls: int) -> float:
        """Return how long the limits per minute hold back so many calls, and so much audio."""
        waits = [0.0]
        for ask, (rate, each, per_s) in zip(self._asks, self._rates, strict=True):
            cost = int(calls * each + length_s * per_s)
            used = await self._list_used(ask.args[0])
            waits.append(find_wait_s(used, cost, rate.all.per_minute))
        return max(waits)

    async def take(self, waiter: Waiter, probe_s: float) -> float:
        """Let a call through and return 0, or return the seconds until there may be room."""
        async with self._turn:
            if waiter.is_served or waiter.is_gone:
                return 0.0
            return self._find_own_wait_s(waiter) or await self._enter(waiter, probe_s)

    def _find_own_wait_s(self, waiter: Waiter) -> float:
        """Return 0 if there is a place for a call, by what this process knows."""
        person = waiter.person
        waiter.is_held = bool(person) and self._under_way[person] >= self._most_of_one
        return inf if self.is_full or waiter.is_held else 0.0

    async def _enter(self, waiter: Waiter, probe_s: float) -> float:
        person = waiter.person
        under_way = self._list_changed()
        ask = CallAsk(
            self._account,
            person,
            self._limits.concurrency,
            self._most_of_one,
            tuple(
                ask(cost=min(int(each + per_s * waiter.length_s), rate.all.per_minute))
                for ask, (rate, each, per_s) in zip(self._asks, self._rates, strict=True)
            ),
            probe_s,
            self._under_way[person],
        )
        task = asyncio.ensure_future(self._rooms.enter(ask, under_way))
        try:
            await finish(task)
        except StoreError:
            return _RETRY_S
        finally:
            # Also if whoever waits for it was cancelled: then the call is over at once.
            if not task.exception():
                self._note_told(under_way)
                self._note_entry(waiter, task.result(), ask.own_calls)
        verdict = task.result()
        waiter.is_held = verdict.is_held
        if verdict.pause_s:
            self.on_pause(verdict.pause_s)
        return verdict.wait_s

    def _note_entry(self, waiter: Waiter, verdict: Verdict, own_calls: int) -> None:
        if not verdict.wait_s:
            self._told[waiter.person] = own_calls + 1
            self._under_way.update((waiter.person,))
            waiter.is_served = not waiter.is_gone
            if waiter.is_gone:
                self.give_back(waiter)

    def give_back(self, waiter: Waiter) -> None:
        """Make room: a call that was let through is over."""
        super().give_back(waiter)
        self._do(self._count())

    def share_pause(self, wait_s: float, probe_s: float = 0.0) -> None:
        """Let other processes wait for so long, 0 to end their wait."""
        self._do(self._pause(wait_s, probe_s))

    async def _count(self) -> None:
        """Tell the database which calls are over, unless the next call has done so."""
        async with self._turn:
            while under_way := self._list_changed():
                try:
                    await self._rooms.count(self._account, self._limits.concurrency, under_way)
                except StoreError:
                    await self._clock.sleep(_RETRY_S)
                else:
                    self._note_told(under_way)

    def _list_changed(self) -> dict[str, int]:
        """Return how many calls are under way of each person of whom the database knows another."""
        people = self._told.keys() | self._under_way.keys()
        return {one: n for one in people if (n := self._under_way[one]) != self._told[one]}

    def _note_told(self, under_way: Mapping[str, int]) -> None:
        for person, calls in under_way.items():
            self._told[person] = calls
        self._told = +self._told

    async def _pause(self, wait_s: float, probe_s: float) -> None:
        async with self._turn:
            with suppress(StoreError):  # then each of them will find out by itself
                await self._rooms.pause(self._account, wait_s, probe_s)

    async def _list_used(self, name: str) -> list[tuple[float, int]]:
        return list(await self._rooms.list_used(self._account, name))

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
