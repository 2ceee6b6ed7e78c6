"""What operators have decided, where several processes share a database: each keeps a copy."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from core.errors import StoreError
from core.store import Store
from core.store.events import GAP, RULES

#: Interval between looks at the database, in case that an event was lost.
CHECK_S = 30.0


class SharedRules:
    """Keeps the copy of this process up to date: decisions about people, and the pause."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_old = asyncio.Event()
        for kind in (RULES, GAP):
            store.events.subscribe(kind, lambda _: self._is_old.set())

    async def run(self) -> None:
        """Read anew what has changed, until cancelled."""
        while True:
            await self._store.clock.wait_for(self._is_old, CHECK_S)
            self._is_old.clear()
            with suppress(StoreError):
                await self._store.admissions.load()
                await self._store.controls.load()
