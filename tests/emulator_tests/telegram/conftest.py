"""A python-telegram-bot client of the local Telegram, and plain requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from tests.emulators.telegram import TelegramServer

PostMethod = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def new_bot(telegram: TelegramServer) -> Callable[[], Bot]:
    def build() -> Bot:
        # Loading certificates takes longer than most tests, and there is no TLS here.
        calls, polls = (HTTPXRequest(read_timeout=8, httpx_kwargs={"verify": False}) for _ in "ab")
        return Bot(telegram.token, telegram.api_base_url, telegram.file_base_url, calls, polls)

    return build


@pytest.fixture
async def bot(new_bot: Callable[[], Bot]) -> AsyncIterator[Bot]:
    async with new_bot() as client:
        yield client


@pytest.fixture
async def post(telegram: TelegramServer) -> AsyncIterator[PostMethod]:
    """Return a function that sends a request and returns the response body."""
    base_url = f"{telegram.api_base_url}{telegram.token}"
    async with httpx.AsyncClient(base_url=base_url, timeout=8, verify=False) as client:

        async def post(method: str, **params: Any) -> dict[str, Any]:
            form = {
                name: value if isinstance(value, str) else json.dumps(value)
                for name, value in params.items()
            }
            answer = await client.post(f"/{method}", data=form)
            body: dict[str, Any] = answer.json()
            assert body["ok"] == answer.is_success
            assert body.get("error_code", 200) == answer.status_code
            return body

        yield post
