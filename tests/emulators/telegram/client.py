"""Real clients for the local server: python-telegram-bot, and plain HTTP for what it hides."""

from __future__ import annotations

from typing import Any

import httpx
from telegram import Bot
from telegram.request import HTTPXRequest

from tests.emulators.telegram.server import TelegramServer

TIMEOUT_S = 8.0


def build_bot(server: TelegramServer, token: str = "", timeout_s: float = TIMEOUT_S) -> Bot:
    """Return a client of the server; use it in `async with`."""
    # Loading certificates takes longer than most tests, and there is no TLS here.
    requests = [
        HTTPXRequest(
            read_timeout=timeout_s, write_timeout=timeout_s, httpx_kwargs={"verify": False}
        )
        for _ in range(2)
    ]
    return Bot(
        token or server.token,
        base_url=server.api_base_url,
        base_file_url=server.file_base_url,
        request=requests[0],
        get_updates_request=requests[1],
    )


async def call(server: TelegramServer, method: str, **params: Any) -> dict[str, Any]:
    """Return the raw body of one call's answer."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, verify=False) as client:
        answer = await client.post(f"{server.api_base_url}{server.token}/{method}", json=params)
    body: dict[str, Any] = answer.json()
    assert body["ok"] == answer.is_success
    assert body.get("error_code", 200) == answer.status_code
    return body


async def refusal(server: TelegramServer, method: str, **params: Any) -> str:
    """Return the words with which a call is refused."""
    return str((await call(server, method, **params))["description"])
