"""Fixtures: the program on each kind of database, between a virtual Telegram and a local MiMo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.load.systems import OneProcess, System
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
async def system(
    request: pytest.FixtureRequest, tmp_path: Path, telegram: TelegramServer, mimo: MimoServer
) -> AsyncIterator[System]:
    """The processes of the program, which have not been started."""
    servers = telegram, mimo
    if request.param == "sqlite":
        found: System = OneProcess(tmp_path, servers)
    else:
        server: PostgresServer = request.getfixturevalue("postgresql")
        found = System(tmp_path, server.create(), servers)
    async with found:
        yield found
