"""The database fails under load: what was committed is kept, and everything goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import PASSWORD, Cluster
from tests.chaos.many_processes.test_frozen import check, send
from tests.chaos.notes import Notes, make_notes
from tests.chaos.running_program import wait_for
from tests.emulators.cut_proxy import CutProxy
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import PostgresServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: How often each fault occurs, and the notes that arrive around each time.
TIMES, NOTES = (6, 8) if IS_LONG else (1, 4)
#: Without their own backends.
TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{}'"
#: Slept in a short outage, and for how long connections drip.
DOWN_S, DRIP_S = (5.0, 8.0) if IS_LONG else (1.0, 1.0)


async def fail_often(cluster: Cluster, fail: Callable[[], Awaitable[None]], title: str) -> None:
    """Let `fail` happen in the middle of transcriptions, several times; check the replies."""
    cluster.mimo.rules.latency_s = 0.4
    notes: Notes = {}
    sounds = await make_notes(range(1, TIMES * NOTES + 1))
    await cluster.start()
    for number in range(TIMES):
        calls, first = len(cluster.mimo.requests), number * NOTES + 1
        send(cluster.telegram, {n: sounds[n] for n in range(first, first + NOTES // 2)}, notes)
        await wait_for(lambda at=calls: len(cluster.mimo.requests) > at or None, 30)
        rest = {n: sounds[n] for n in range(first + NOTES // 2, first + NOTES)}
        send(cluster.telegram, rest, notes)
        await fail()
        await asyncio.sleep(0.3)  # other moments of the fault
    assert await cluster.settle(len(notes)) == {"done": len(notes)}
    check(cluster, notes, title)
    assert PASSWORD not in cluster.whole_log
    assert {one.code for one in cluster.processes} == {None}, "no process has ended"
    assert set(await cluster.stop()) == {0}


@pytest.mark.long
async def test_all_connections_are_terminated(cluster: Cluster, postgresql: PostgresServer) -> None:
    name = cluster.url.rpartition("/")[2]

    async def terminate() -> None:
        [(count,)] = await asyncio.to_thread(postgresql.execute, TERMINATE.format(name))
        assert count > 10

    await fail_often(cluster, terminate, f"all connections terminated {TIMES} times")


async def test_postgresql_crashes(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer, postgresql: PostgresServer
) -> None:
    server = PostgresServer("fsync=on", "synchronous_commit=on")
    await asyncio.to_thread(server.start)
    try:
        url = await asyncio.to_thread(server.create)
        async with Cluster(tmp_path, url, (telegram, mimo)) as cluster:

            async def crash() -> None:
                await asyncio.to_thread(server.end, "immediate")
                confirmed = len(telegram.pending())
                await asyncio.sleep(DOWN_S)  # nothing can be committed meanwhile
                assert len(telegram.pending()) >= confirmed, "nothing was confirmed meanwhile"
                await asyncio.to_thread(server.begin)

            await fail_often(cluster, crash, f"PostgreSQL crashed {TIMES} times")
    finally:
        await asyncio.to_thread(server.stop)


@pytest.mark.long
async def test_the_network_to_postgresql_cuts_and_drips(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer, postgresql: PostgresServer
) -> None:
    url = postgresql.create()
    async with (
        CutProxy(postgresql.port) as proxy,
        Cluster(tmp_path, url, (telegram, mimo)) as cluster,
    ):
        cluster.use_proxy(postgresql.port, proxy.port)

        async def cut_and_drip() -> None:
            assert proxy.cut() > 10
            proxy.is_down = True
            await asyncio.sleep(DOWN_S)  # the outage is under test
            proxy.is_down = False
            proxy.drip_bytes, proxy.drip_s = 64, 0.002
            await asyncio.sleep(DRIP_S)  # so is the dripping
            proxy.cut()
            proxy.drip_bytes, proxy.drip_s = 0, 0.0

        await fail_often(cluster, cut_and_drip, f"the network cut and dripped {TIMES} times")
