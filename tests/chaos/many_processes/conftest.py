"""Fixtures: a local MiMo and several processes between it and a virtual Telegram, or a Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.many_processes.cluster import Cluster
from tests.chaos.many_processes.discord_cluster import DiscordCluster
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import PostgresServer


@pytest.fixture
async def cluster(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer, postgresql: PostgresServer
) -> AsyncIterator[Cluster]:
    """Two intakes and two workers that have not been started."""
    async with Cluster(tmp_path, postgresql.create(), (telegram, mimo)) as cluster:
        yield cluster


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    """An emulated Discord."""
    async with DiscordServer() as server:
        yield server


@pytest.fixture
async def discord(
    tmp_path: Path, server: DiscordServer, mimo: MimoServer, postgresql: PostgresServer
) -> AsyncIterator[DiscordCluster]:
    """Two intakes and two workers that have not been started, for two shards."""
    server.set_shards(2)
    async with DiscordCluster(tmp_path, postgresql.create(), (server, mimo)) as cluster:
        yield cluster
