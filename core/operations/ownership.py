"""What one process at a time may do, where several share a database: it holds a lease meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from core.operations.shares import MayLeave, Share, Work
from core.store import Store
from core.tasks import run_together


class Ownership:
    """The leases that this process may hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: Tells this process from all others.
        self.holder = secrets.token_hex(8)
        #: The work of which this process has no part, as others do all of it.
        self.waiting = set[str]()

    @property
    def is_shared(self) -> bool:
        """Whether there may be other processes."""
        return self._store.is_shared

    async def run(self, name: str, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do some work whenever this process alone may, until it is cancelled or the work ends.

        name: of the lease. Without a shared database there is nobody to share with.
        """
        await self.run_share(name, 1, lambda _: work())

    async def run_share(
        self, name: str, count: int, work: Work, may_leave: MayLeave = lambda _: True
    ) -> None:
        """Do a fair share of `count` pieces of work, until this is cancelled or a piece ends.

        work: does the piece of a number from 0 on. may_leave: whether one may be left to another
        process now, so that each has as many.
        """
        if not self._store.is_shared:
            await run_together(*(work(number) for number in range(count)))
            return
        share = Share(self._store, name, count, self.holder)
        share.on_change = self._note
        try:
            await share.run(work, may_leave)
        finally:
            self.waiting.discard(name)

    async def find_count(self, name: str) -> int | None:
        """Return into how many pieces other processes have divided some work, None if none has."""
        return await Share.find_count(self._store, name)

    async def take_turn(self, name: str, turn_s: float) -> None:
        """Wait until no process has had this turn within `turn_s` seconds. Raises StoreError."""
        holder = secrets.token_hex(8)
        while not await self._store.leases.take(name, holder, turn_s):
            await self._store.clock.sleep(turn_s / 10)

    def _note(self, name: str, pieces: int) -> None:
        (self.waiting.discard if pieces else self.waiting.add)(name)
