"""Stopping jobs that run in any process: what each process on a shared database sets up."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import stamina

from core.errors import StoreError
from core.store import Store
from core.store.work.restarts import Settle

#: The event with the ids of jobs whose processes are to interrupt them.
STOPPED = "stopped"
#: Ids in one event: it has at most 8 kB.
_MANY = 400

_persist = stamina.retry(on=StoreError, attempts=None, timeout=None, wait_max=5.0)


class SharedStopping:
    """Interrupts jobs wherever they run. An event that is lost costs no more than time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._background: set[asyncio.Task[None]] = set()
        store.cancellation.on_cancel = self.cancel
        store.restarts.interrupt = self.interrupt

    def cancel(self, job_ids: Collection[str]) -> None:
        """Interrupt jobs that were cancelled in the database; they end with the replies there."""
        task = asyncio.create_task(self._end_cancelled(job_ids))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _end_cancelled(self, job_ids: Collection[str]) -> None:
        await self._tell(job_ids)
        await _persist(self._store.cancellation.requeue)(job_ids, ())

    async def interrupt(self, job_ids: Collection[str], settle: Settle) -> None:
        """Settle jobs: from then on, nothing counts that is still written for them as they ran."""
        await _persist(settle)(job_ids, ())
        await self._tell(job_ids)

    async def _tell(self, job_ids: Collection[str]) -> None:
        ids = sorted(job_ids)
        for start in range(0, len(ids), _MANY):
            await _persist(self._store.events.publish)(STOPPED, ids[start : start + _MANY])
