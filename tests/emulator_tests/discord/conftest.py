"""The local Discord server, and a plain client of its REST API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self

import httpx
import pytest

from tests.emulators.discord import DiscordServer


class Rest:
    """An HTTP client with the bot's token; an async context manager."""

    def __init__(self, server: DiscordServer, token: str = "") -> None:
        headers = {"Authorization": f"Bot {token or server.token}"}
        self.http = httpx.AsyncClient(timeout=8.0, headers=headers, verify=False)
        self._base_url = server.api_base_url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to a path of the API; options: those of httpx."""
        return await self.http.request(method, f"{self._base_url}{path}", **options)

    async def code(self, method: str, path: str, **options: Any) -> tuple[int, int]:
        """Return the response's status and Discord's error code (0 for none)."""
        answer = await self.call(method, path, **options)
        body = answer.json() if answer.content else {}
        return answer.status_code, body.get("code", 0) if isinstance(body, dict) else 0


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as running:
        yield running


@pytest.fixture
async def rest(server: DiscordServer) -> AsyncIterator[Rest]:
    async with Rest(server) as client:
        yield client
