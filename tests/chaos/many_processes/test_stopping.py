"""SIGTERM to some of several processes under load: the others go on, nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from core.engines.mimo.role import ASR_LIMITS
from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import PASSWORD, Cluster
from tests.chaos.many_processes.test_frozen import check, send
from tests.chaos.notes import Notes, make_notes
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for
from tests.emulators.cut_proxy import CutProxy
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import PostgresServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 45 if IS_LONG else 12
#: Of these, as many are with the service at a time.
CALLS = ASR_LIMITS.concurrency
#: Far longer than a process that stops waits for what runs.
SLOW_S = 60.0
#: From SIGTERM until the process has ended.
MAX_S = 8.0


async def test_a_worker_gives_back_what_it_runs(cluster: Cluster) -> None:
    cluster.mimo.rules.latency_s = SLOW_S
    notes: Notes = {}
    sounds = await make_notes(range(1, NOTES + 1))
    cluster.overrides = {"has_limits": False}  # no process is taken for dead in two seconds
    leaving, staying = cluster.workers
    await asyncio.gather(*(one.start(**cluster.overrides) for one in (*cluster.intakes, leaving)))
    send(cluster.telegram, sounds, notes)
    await wait_for(lambda: len(cluster.mimo.requests) == CALLS, 30)
    await staying.start(**cluster.overrides)
    cluster.mimo.rules.latency_s = 0.2
    began_s = time.monotonic()
    leaving.signal(signal.SIGTERM)
    await asyncio.sleep(0.3)  # the second one comes while it stops
    leaving.signal(signal.SIGTERM)
    code = await leaving.wait_for_exit(20)
    took_s = time.monotonic() - began_s
    assert code == 0 and took_s <= MAX_S
    assert await cluster.settle(NOTES) == {"done": NOTES}
    # They were given back, and not taken over from a process that had crashed.
    [(crashes,)] = cluster.rows("select sum(crashes) from jobs")
    assert not crashes and staying.code is None
    assert len(cluster.mimo.requests) == NOTES + CALLS
    add_table("SIGTERM to one of two workers", ("code", "seconds"), [(code, f"{took_s:.1f}")])
    check(cluster, notes, "SIGTERM to one of two workers")


@pytest.mark.long
async def test_a_new_version_takes_the_place_of_the_old_one(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer, postgresql: PostgresServer
) -> None:
    parts = ("intake", "worker", "intake", "worker")
    async with Cluster(tmp_path, postgresql.create(), (telegram, mimo), parts) as cluster:
        cluster.mimo.rules.latency_s = 0.5
        notes: Notes = {}
        sounds = await make_notes(range(1, NOTES + 1))
        old, new = cluster.processes[:2], cluster.processes[2:]
        for one in old:
            await one.start(**cluster.overrides)

        async def feed() -> None:
            for number, sound in sounds.items():
                send(telegram, {number: sound}, notes)
                await asyncio.sleep(3.0 / NOTES)  # they arrive all the time

        feeding = asyncio.create_task(feed())
        await cluster.start(is_awaited=True)
        codes = [await one.stop() for one in old]
        await feeding
        assert codes == [0, 0]
        await wait_for(lambda: sum(cluster.states().values()) == NOTES, 30, every_s=0.05)
        assert await cluster.settle(NOTES) == {"done": NOTES}
        assert all(one.code is None for one in new)
        check(cluster, notes, "new processes take the place of old ones")
        assert "telegram_conflict" not in cluster.whole_log


@pytest.mark.long
async def test_without_a_database_it_stops_all_the_same(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer, postgresql: PostgresServer
) -> None:
    url, parts = postgresql.create(), ("intake", "worker", "run")
    async with (
        CutProxy(postgresql.port) as proxy,
        Cluster(tmp_path, url, (telegram, mimo), parts) as cluster,
    ):
        cluster.use_proxy(postgresql.port, proxy.port)
        mimo.rules.latency_s = 60.0
        notes: Notes = {}
        await cluster.start()
        send(telegram, await make_notes(range(1, 3)), notes)
        await wait_for(lambda: len(mimo.requests) == 2 or None, 20)
        proxy.is_down = True
        proxy.cut()
        await asyncio.sleep(0.5)  # until it knows
        began_s = time.monotonic()
        assert await cluster.stop() == [0, 0, 0]
        assert time.monotonic() - began_s <= MAX_S
        proxy.is_down = False
        mimo.rules.latency_s = 0.0
        await cluster.start()
        assert await cluster.settle(2) == {"done": 2}
        check(cluster, notes, "SIGTERM without a database")
        assert PASSWORD not in cluster.whole_log
