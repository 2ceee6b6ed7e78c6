"""Shares of work of which each piece is done by one process, such as the shards of a bot.

Each process that could do it says so by a lease of its own, each piece that one does has another.
All see the same leases, and so agree on how many pieces each ought to have.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from core.errors import StoreError
from core.store import Store

#: How long a lease lasts without being renewed, and how often it is. A process that has ended is
#: succeeded within the sum of both.
LEASE_S, RENEW_S = 12.0, 3.0

#: Does one piece of the work, given its number, until cancelled.
Work = Callable[[int], Coroutine[Any, Any, object]]
#: Returns whether a piece may be left to another process now.
MayLeave = Callable[[int], bool]

log = structlog.get_logger()


@dataclass(slots=True)
class Piece:
    """A piece that this process does."""

    task: asyncio.Task[object]
    #: When its lease ends, by this process's clock.
    until_s: float


class Share:
    """What this process does of some work."""

    def __init__(self, store: Store, name: str, count: int, holder: str) -> None:
        """name: of the work. count: of its pieces. holder: tells this process from others."""
        self._leases, self._clock = store.leases, store.clock
        self._name, self._count, self._holder = name, count, holder
        self._pieces: dict[int, Piece] = {}
        #: Called with the name of the work, and how many pieces this process has of it.
        self.on_change: Callable[[str, int], None] = lambda name, pieces: None

    async def run(self, work: Work, may_leave: MayLeave) -> None:
        """Do pieces until cancelled, or until one ends. Raises what a piece raises."""
        try:
            while not self._find_ended():
                with suppress(StoreError):
                    await self._leases.take(self._candidacy, self._holder, LEASE_S)
                await self._renew()
                with suppress(StoreError):
                    await self._balance(work, may_leave)
                self.on_change(self._name, len(self._pieces))
                await self._wait()
            for task in self._find_ended():
                await task
        finally:
            await asyncio.shield(asyncio.ensure_future(self._end()))

    @classmethod
    async def find_count(cls, store: Store, name: str) -> int | None:
        """Return into how many pieces processes have divided some work, None if none does any."""
        pattern = re.compile(rf"{re.escape(name)} \d+ of (\d+)")
        held = [pattern.fullmatch(lease) for lease in await store.leases.list_held()]
        return next((int(found[1]) for found in held if found), None)

    @property
    def _candidacy(self) -> str:
        return f"{self._name} by {self._holder}"

    def _lease(self, number: int) -> str:
        return f"{self._name} {number + 1} of {self._count}"

    def _find_ended(self) -> list[asyncio.Task[object]]:
        return [piece.task for piece in self._pieces.values() if piece.task.done()]

    async def _wait(self) -> None:
        timer = asyncio.ensure_future(self._clock.sleep(RENEW_S))
        tasks = {piece.task for piece in self._pieces.values()}
        try:
            await asyncio.wait({timer, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()

    async def _renew(self) -> None:
        """Renew the leases of all pieces, and stop those whose lease is lost."""
        numbers = [*self._pieces]
        kept = await asyncio.gather(*(self._keep(self._pieces[one], one) for one in numbers))
        lost = [number for number, is_kept in zip(numbers, kept, strict=True) if not is_kept]
        for number in lost:
            log.warning("another process may do that now", what=self._lease(number))
        await self._stop(lost)

    async def _keep(self, piece: Piece, number: int) -> bool:
        begun_s = self._clock.monotonic()
        # A process that was suspended finds that its time is over.
        is_ours = None if begun_s >= piece.until_s else await self._take(number)
        if is_ours:
            piece.until_s = begun_s + LEASE_S
        return is_ours is not False and begun_s < piece.until_s

    async def _take(self, number: int) -> bool | None:
        """Take or renew a lease; return None if that cannot be known."""
        try:
            return await self._leases.take(self._lease(number), self._holder, LEASE_S)
        except StoreError:
            return None

    async def _balance(self, work: Work, may_leave: MayLeave) -> None:
        """Begin or leave pieces, so that this process has its share. Raises StoreError."""
        held = await self._leases.list_held()
        candidates = [
            holder for lease, holder in held.items() if lease == f"{self._name} by {holder}"
        ]
        owners = [held.get(self._lease(number)) for number in range(self._count)]
        more = find_share(self._count, owners, candidates, self._holder) - len(self._pieces)
        free = (number for number, owner in enumerate(owners) if owner is None)
        for number in free if more > 0 else ():
            if more and await self._take(number):
                self._begin(number, work)
                more -= 1
        if more < 0:
            await self._leave([number for number in self._pieces if may_leave(number)][more:])

    def _begin(self, number: int, work: Work) -> None:
        log.info("this process alone does", what=self._lease(number))
        task = asyncio.create_task(work(number))
        self._pieces[number] = Piece(task, self._clock.monotonic() + LEASE_S)

    async def _leave(self, numbers: Iterable[int]) -> None:
        """Stop pieces and let another process begin them at once."""
        for number in (numbers := [*numbers]):
            log.info("another process is to do that", what=self._lease(number))
        await self._stop(numbers)
        for number in numbers:
            with suppress(StoreError):
                await self._leases.give_up(self._lease(number), self._holder)

    async def _stop(self, numbers: Iterable[int]) -> None:
        tasks = [self._pieces.pop(number).task for number in numbers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self) -> None:
        await self._leave(self._pieces)
        with suppress(StoreError):
            await self._leases.give_up(self._candidacy, self._holder)


def find_share(
    count: int, owners: Iterable[str | None], candidates: Iterable[str], holder: str
) -> int:
    """Return how many of `count` pieces a process ought to have, one more or less than others.

    owners: of the pieces, None for a free one. Who has most keeps what cannot be divided.
    """
    owned = Counter(dict.fromkeys({*candidates, holder}, 0))
    owned.update(owner for owner in owners if owner and owner in owned)
    ranked = sorted(owned, key=lambda one: (-owned[one], one))
    share, rest = divmod(count, len(ranked))
    return share + (ranked.index(holder) < rest)
