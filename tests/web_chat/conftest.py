from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from bots.web_chat import WebChat
from core.config import Settings
from tests.support.web_client import open_client
from tests.support.web_inbox import FakeInbox, open_web


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(hearsay_home=tmp_path, web_host="127.0.0.1", web_port=0)


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
async def web(settings: Settings, inbox: FakeInbox) -> AsyncIterator[WebChat]:
    async with open_web(settings, inbox) as web:
        yield web


@pytest.fixture
async def browser(web: WebChat) -> AsyncIterator[AsyncClient]:
    """A client with a session, as a page has one."""
    async with open_client(web) as client:
        assert (await client.post("/api/session")).status_code == 200
        yield client


@pytest.fixture
async def stranger(web: WebChat) -> AsyncIterator[AsyncClient]:
    """Another browser with a session of its own."""
    async with open_client(web) as client:
        assert (await client.post("/api/session")).status_code == 200
        yield client
