"""What is done at intervals beside the jobs: purges, digests that are due, model probes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
#: Interval between looks at the database when nothing wakes the loop (other processes write too).
IDLE_S = 5.0

log = structlog.get_logger()


class Chores:
    """Runs them until cancelled.

    probe: None to never probe the models. wake: called when jobs were added.
    """

    def __init__(
        self, store: Store, probe: ModelProbe | None, wake: Callable[[], None], clock: Clock
    ) -> None:
        self._store = store
        self._probe = probe
        self._wake = wake
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled."""
        await asyncio.gather(
            self._purge(), self._fire_digests(), self._probe_models(), return_exceptions=True
        )

    async def _purge(self) -> None:
        await self._clock.sleep(CATCH_UP_S)
        while True:
            with suppress(StoreError):
                if rows := await self._store.retention.purge(self._clock.now()):
                    log.info("expired data deleted", rows=rows)
            await self._clock.sleep(PURGE_S)

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def _fire_digests(self) -> None:
        """Add a job for each digest that is due; a new schedule is noticed within `IDLE_S`."""
        await self._clock.sleep(CATCH_UP_S)
        while True:
            wait_s = IDLE_S
            with suppress(StoreError):
                if await self._store.schedules.fire_due(self._clock.now()):
                    self._wake()
                if due_at := await self._store.schedules.next_due_at():
                    due_s = (due_at - self._clock.now()).total_seconds()
                    wait_s = min(IDLE_S, max(0.0, due_s))
            await self._clock.sleep(wait_s)

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def _probe_models(self) -> None:
        """Probe the models once a day; after a start, waiting jobs come first."""
        while self._probe:
            await self._clock.sleep(PROBE_S)
            with suppress(StoreError):
                await self._probe.probe_due(self._clock.now())
