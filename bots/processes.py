"""What several processes on one database do together, and what one process does instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial

from core.errors import StoreError
from core.inbox import Inbox
from core.operations.roles import Role
from core.store import Store
from core.store.events import ROOM


async def meet_others(store: Store) -> None:
    """Follow what other processes on the same database do, where there may be some."""
    if store.is_shared:
        # Loaded only where there are several.
        from core.jobs.stopping import SharedStopping

        SharedStopping(store)
    else:
        # Whoever held it has ended: no other process runs jobs on this database.
        await store.budgets.release_all(store.clock.now().date())


async def follow_others(store: Store, inbox: Inbox) -> None:
    """Keep up with what is decided and what happens in other processes, until cancelled."""
    if store.is_shared:
        # Loaded only where there are several.
        from core.operations.shared_readiness import SharedReadiness
        from core.operations.shared_rules import SharedRules

        readiness = SharedReadiness(store, inbox.readiness)
        inbox.ask_others = readiness.find
        await asyncio.gather(SharedRules(store).run(), readiness.run())
    await asyncio.Event().wait()


@asynccontextmanager
async def share_limits(store: Store, roles: Collection[Role]) -> AsyncIterator[None]:
    """Share the limits of accounts with other processes, and let them know that this one lives."""
    for role in roles:
        role.gate.share(store.rooms, partial(store.events.subscribe, ROOM))
    await store.processes.renew()
    task = asyncio.create_task(store.processes.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with suppress(StoreError):
            await store.processes.end()
