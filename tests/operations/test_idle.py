"""An idle program leaves the database and the disk alone, and misses nothing by that."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from core.clock import Clock
from core.errors import EngineBusy
from core.operations.health import LOW_BYTES
from core.operations.incidents import CHECK_S, Incidents
from core.store import Store
from tests.conftest import NewMessage
from tests.operations.test_incidents import Usage
from tests.support.loopback import Loopback

pytestmark = pytest.mark.finding(12)


class Watch:
    """Incidents that are being watched for, and what that reads."""

    def __init__(self, store: Store, home: Path, clock: Clock) -> None:
        self.reads: Counter[str] = Counter()
        self.reported: list[str] = []
        self.free_bytes = 200 << 30
        self.incidents = Incidents([], store.probes, self.report, home, clock)

    async def report(self, key: str, text: str) -> None:
        self.reported.append(text)

    def disk_usage(self, home: object) -> Usage:
        self.reads["disk"] += 1
        return Usage(1, 1, self.free_bytes)


@pytest.fixture
async def watch(
    store: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Watch]:
    watch = Watch(store, tmp_path, clock)
    list_incidents = store.probes.incidents

    async def count_incidents() -> dict[str, datetime]:
        watch.reads["table"] += 1
        return await list_incidents()

    monkeypatch.setattr(store.probes, "incidents", count_incidents)
    monkeypatch.setattr(shutil, "disk_usage", watch.disk_usage)
    task = asyncio.create_task(watch.incidents.run({}))
    yield watch
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_incidents_are_read_once_and_an_empty_disk_seldom(watch: Watch, clock: Clock) -> None:
    await clock.sleep(600)
    assert watch.reads == {"table": 1, "disk": 2}


async def test_a_disk_that_is_nearly_full_is_looked_at_often(watch: Watch, clock: Clock) -> None:
    watch.free_bytes = LOW_BYTES + (1 << 30)
    await clock.sleep(301)
    watch.free_bytes = LOW_BYTES - 1
    await clock.sleep(2 * CHECK_S)
    [text] = watch.reported
    assert text.startswith("The disk is filling")


async def test_nobody_is_looked_for_who_waits_while_there_is_no_job(
    loopback: Loopback, new_message: NewMessage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, list_untold = [0], loopback.store.jobs.list_untold

    async def count_looks() -> object:
        looks[0] += 1
        return await list_untold()

    monkeypatch.setattr(loopback.store.jobs, "list_untold", count_looks)
    async with loopback.running():
        await clock.sleep(600)
        assert looks == [0]
        loopback.engine.failures = [EngineBusy("503") for _ in range(4)]
        loopback.engine.latency_s = 15.0
        await loopback.inbox.accept(new_message(language="en"))
        await clock.sleep(20.5)
        assert [text for _, text, is_lasting in loopback.platform.shown if is_lasting]
        await loopback.settle()
        await clock.sleep(10)
        before = looks[0]
        await clock.sleep(600)
        assert before > 3 and looks == [before]
