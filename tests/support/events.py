"""Processes on one database, each a store of its own, that hear of each other's events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from core.store import Store
from core.store.events import GAP


@asynccontextmanager
async def listening(*stores: Store) -> AsyncIterator[None]:
    """Receive events in the body, from its beginning."""
    begun = asyncio.Queue[None]()
    for one in stores:
        one.events.subscribe(GAP, begun.put_nowait)
    tasks = [asyncio.create_task(one.events.run()) for one in stores]
    try:
        for _ in stores:
            await asyncio.wait_for(begun.get(), 10)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(is_so: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait for what another process or the database does, of which no test is told."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.01)  # no process tells a test
