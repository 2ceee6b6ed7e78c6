"""What is done at intervals beside the jobs: purges, digests and notes, model probes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import stamina
import structlog

from core.clock import Clock
from core.errors import StoreError
from core.operations.model_probe import ModelProbe
from core.store import Store

#: Interval between purges of expired data.
PURGE_S = 3600.0
#: Interval between probe checks; also the delay before the first one.
PROBE_S = 600.0
#: Delay of purges and digests after a start: messages sent meanwhile are received first.
CATCH_UP_S = 20.0
#: Longest sleep of the loops over jobs and digests, which wake when something is due or was added:
#: the machine's clock may be set, and other processes write too.
IDLE_S = 60.0
#: Their sleep after the database has failed.
RETRY_S = 5.0

log = structlog.get_logger()


class Chores:
    """Runs them until cancelled."""

    def __init__(self, store: Store, probe: ModelProbe | None, clock: Clock) -> None:
        """probe: None to never probe the models."""
        self._store = store
        self._probe = probe
        self._clock = clock
        self._is_changed = asyncio.Event()
        store.schedules.on_add = store.newcomers.on_add = self._is_changed.set

    async def run(self) -> None:
        """Run until cancelled."""
        await asyncio.gather(
            self._purge(), self._fire(), self._probe_models(), return_exceptions=True
        )

    async def _purge(self) -> None:
        await self._clock.sleep(CATCH_UP_S)
        while True:
            await self.purge()
            await self._clock.sleep(PURGE_S)

    async def purge(self) -> None:
        """Delete what has expired."""
        with suppress(StoreError):
            if rows := await self._store.retention.purge(self._clock.now()):
                log.info("expired data deleted", rows=rows)

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def _fire(self) -> None:
        """Add a job for each digest, and each note to newcomers, that is due."""
        await self._clock.sleep(CATCH_UP_S)
        while True:
            self._is_changed.clear()
            wait_s = RETRY_S
            with suppress(StoreError):
                wait_s = await self.fire_due()
            await self._clock.wait_for(self._is_changed, wait_s)

    async def fire_due(self) -> float:
        """Add a job for all that is due; return the seconds to wait. Raises StoreError."""
        wait_s = IDLE_S
        for one in (self._store.schedules, self._store.newcomers):
            await one.fire_due(self._clock.now())
            if due_at := await one.next_due_at():
                due_s = (due_at - self._clock.now()).total_seconds()
                wait_s = min(wait_s, max(0.0, due_s))
        return wait_s

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def _probe_models(self) -> None:
        """Probe the models once a day; after a start, waiting jobs come first."""
        while self._probe:
            await self._clock.sleep(PROBE_S)
            await self.probe_models()

    async def probe_models(self) -> None:
        """Probe the models if that is due."""
        with suppress(StoreError):
            if self._probe:
                await self._probe.probe_due(self._clock.now())
