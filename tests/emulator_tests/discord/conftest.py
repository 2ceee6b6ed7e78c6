"""A virtual Discord, and a plain client of its REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.emulators.discord import DiscordServer
from tests.emulators.discord.client import Rest


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        yield running


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with Rest(server) as client:
        yield client
