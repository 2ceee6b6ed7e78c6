"""Processes that share a database: each is a store and a runner of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from core.jobs import queue_runner, shared_queue
from core.jobs.stopping import SharedStopping
from core.operations.shared_rules import SharedRules
from core.store import Store
from core.store.work import deliveries
from tests.support.clean_start import open_store
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia

#: Much shorter than usual.
HEARTBEAT_S, TAKE_OVER_S, POLL_S = 0.1, 0.1, 0.2


@pytest.fixture
async def processes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Loopback]]:
    """Two processes on one database, which do not run yet. What one sends, both have sent.

    Neither takes the other for dead if the machine is busy; `quick_death` changes that.
    """
    monkeypatch.setattr(shared_queue, "HEARTBEAT_S", HEARTBEAT_S)
    monkeypatch.setattr(shared_queue, "POLL_S", POLL_S)
    monkeypatch.setattr(queue_runner, "DEAD_AFTER_S", 60.0)
    monkeypatch.setattr(queue_runner, "TAKE_OVER_S", TAKE_OVER_S)
    monkeypatch.setattr(deliveries, "_JUST_NOW", timedelta(seconds=0.1))
    other = open_store(tmp_path)
    both = [Loopback(one, ScriptedTranscriber(), ThreadMedia()) for one in (store, other)]
    both[1].platform.sent = both[0].platform.sent
    watching = [asyncio.create_task(_watch(one.store)) for one in both]
    await asyncio.sleep(0)
    yield both
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    await other.close()


@pytest.fixture
def quick_death(processes: list[Loopback], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a process that says nothing for a moment be dead."""
    monkeypatch.setattr(queue_runner, "DEAD_AFTER_S", 0.6)


async def _watch(store: Store) -> None:
    SharedStopping(store)
    await asyncio.gather(store.events.run(), SharedRules(store).run())


@asynccontextmanager
async def running(*processes: Loopback) -> AsyncIterator[None]:
    """Run jobs in these processes."""
    runs = [one.running() for one in processes]
    for run in runs:
        await run.__aenter__()
    try:
        yield
    finally:
        await asyncio.gather(*(run.__aexit__(None, None, None) for run in runs))


async def wait_until(condition: Callable[[], object], most_s: float = 10.0) -> None:
    """Wait until a condition is true. Raises TimeoutError."""
    async with asyncio.timeout(most_s):
        while not condition():
            await asyncio.sleep(0.01)  # real processes tell nobody


def freeze(process: Loopback) -> None:
    """Let a process do nothing more but what it has begun, as if it slept in the middle of it."""
    jobs = process.worker._app.job_manager

    async def sleep(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    for name in ("update_heartbeat", "fetch_job", "get_stalled_jobs", "list_jobs_async"):
        setattr(jobs, name, sleep)
