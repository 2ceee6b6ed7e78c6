"""Fixtures: a local MiMo and several processes between it and a virtual Telegram."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.many_processes.cluster import Cluster
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
