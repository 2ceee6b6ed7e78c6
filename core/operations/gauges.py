"""Gauges of what is not counted as it happens: the queue, the disk, and which parts are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from core import metrics
from core.errors import StoreError
from core.models import QueueState
from core.operations.health import Health
from core.store import Store

#: Whoever asks more often is told the same again.
FRESH_S = 10.0
#: How long whoever asks waits for new values: less than Prometheus waits for all of them.
WAIT_S = 4.0


class Gauges:
    """Reads them when somebody asks, and seldom however often that is."""

    def __init__(self, store: Store, health: Health) -> None:
        self._store = store
        self._health = health
        self._reading: asyncio.Task[None] | None = None
        self._began_at_s = float("-inf")

    async def refresh(self, check: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        """Set the gauges anew, unless they are fresh.

        check: returns each part of this process, and why it does not work.
        """
        now_s = self._store.clock.monotonic()
        is_idle = self._reading is None or self._reading.done()
        if is_idle and now_s - self._began_at_s >= FRESH_S:
            self._began_at_s = now_s
            self._reading = asyncio.create_task(self._read(check))
        if self._reading:
            await asyncio.wait({self._reading}, timeout=WAIT_S)

    def close(self) -> None:
        """Stop reading: the database is about to be closed."""
        if self._reading:
            self._reading.cancel()

    async def _read(self, check: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        for part, reason in (await check()).items():
            metrics.READY.labels(part).set(not reason)
        metrics.DISK_FREE_BYTES.set(self._health.free_bytes)
        with suppress(StoreError):  # the database is away, which `READY` says
            self._note_queue(await self._store.statistics.queue(self._store.clock.now()))

    def _note_queue(self, queue: QueueState) -> None:
        age_s = 0.0
        if queue.oldest_at:
            age_s = (self._store.clock.now() - queue.oldest_at).total_seconds()
        metrics.OLDEST_JOB_SECONDS.set(max(0.0, age_s))
        metrics.DEAD_LETTERS.set(queue.dead)
        states = {"due": queue.due, "later": queue.later, "running": queue.running}
        for state, count in states.items():
            metrics.OPEN_JOBS.labels(state).set(count)
