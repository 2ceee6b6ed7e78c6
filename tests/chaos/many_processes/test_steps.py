"""A kill at each named step between intake and delivery: the others go on with what was lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.many_processes.cluster import Cluster
from tests.chaos.points import SHARED_POINTS
from tests.chaos.test_steps import KINDS, LIVE, inspect, prepare
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import PostgresServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: The steps of the short form.
SHORT = ("S2", "S8", "S9")


@pytest.mark.parametrize("kind", KINDS if IS_LONG else ["private"])
async def test_a_kill_at_any_step_loses_nothing(
    kind: str, tmp_path: Path, postgresql: PostgresServer
) -> None:
    @asynccontextmanager
    async def open_cluster(folder: Path) -> AsyncIterator[Cluster]:
        async with TelegramServer() as telegram, MimoServer() as mimo:
            servers, parts = (telegram, mimo), ("intake", "worker")
            async with Cluster(folder, postgresql.create(), servers, parts) as cluster:
                yield cluster

    async def act(cluster: Cluster, step: Step) -> Outcome:
        return await kill_one(cluster, step, kind)

    steps = [
        (name, 2 if (kind, name[:2]) == ("group, /transcribe", "S0") else 1)
        for name in SHARED_POINTS
        if (IS_LONG or name.partition(" ")[0] in SHORT)
        and (name not in LIVE or kind == "group, /transcribe")
    ]
    title = f"one note of several processes, {kind}"
    await check_steps(title, steps, act, tmp_path, open_cluster)


async def kill_one(cluster: Cluster, step: Step, kind: str) -> Outcome:
    """Kill the process that comes to `step`, start it again, and return what the person sees."""
    name, count = step
    chat, asked = await prepare(cluster, name, kind)
    usual = cluster.overrides
    cluster.overrides = usual | {"kill_at": name, "kill_count": count}
    await cluster.start(is_awaited=False)
    await cluster.wait_for_kill()
    cluster.overrides = usual
    await cluster.start()
    await cluster.settle(1)
    await cluster.stop()
    return inspect(cluster, chat, asked, name)
