"""What one process at a time may do, where several share a database: it holds a lease meanwhile."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from core.errors import StoreError
from core.store import Store

#: How long a lease lasts without being renewed, and how often it is. A process that has ended is
#: succeeded within the sum of both.
LEASE_S, RENEW_S = 15.0, 5.0

log = structlog.get_logger()


class Ownership:
    """The leases that this process may hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clock = store.clock
        #: Tells this process from all others.
        self.holder = secrets.token_hex(8)
        #: What this process waits for, as another one does it.
        self.waiting = set[str]()

    async def run(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do some work whenever this process alone may, until it is cancelled or the work ends.

        name: of the lease. Without a shared database there is nobody to share with.
        """
        if not self._store.is_shared:
            await work()
            return
        try:
            while True:
                await self._wait(name)
                log.info("this process alone does", what=name)
                if await self._work(name, work):
                    return
                log.warning("another process may do that now", what=name)
        finally:
            self.waiting.discard(name)
            with suppress(StoreError):
                await asyncio.shield(self._store.leases.give_up(name, self.holder))

    async def _wait(self, name: str) -> None:
        self.waiting.add(name)
        while not await self._take(name):
            await self._clock.sleep(RENEW_S)
        self.waiting.discard(name)

    async def _take(self, name: str) -> bool | None:
        """Take or renew a lease; return None if that cannot be known."""
        try:
            return await self._store.leases.take(name, self.holder, LEASE_S)
        except StoreError:
            return None

    async def _work(self, name: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Work until that ends, and return True, or until the lease is lost."""
        task = asyncio.ensure_future(work())
        until_s = self._clock.monotonic() + LEASE_S
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=RENEW_S)
                begun_s = self._clock.monotonic()
                # A process that was suspended finds that its time is over.
                is_ours = None if begun_s >= until_s else await self._take(name)
                if is_ours:
                    until_s = begun_s + LEASE_S
                elif is_ours is False or begun_s >= until_s:
                    break
            return task.done() and await task is None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
