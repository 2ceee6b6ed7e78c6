"""/export on the page: a download, for this browser alone."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from bots.web_chat import WebChat
from core.clock import Clock
from core.config import Settings
from core.store import Store
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.web_client import open_client, send_sound, wait_for_reply


@pytest.fixture
async def web(settings: Settings, store: Store, clock: Clock) -> AsyncIterator[WebChat]:
    """A page in front of the whole assistant, on a real store."""
    loopback = Loopback(store, ScriptedTranscriber())
    web = WebChat(settings, loopback.inbox, clock)
    loopback.inbox.platforms["web"] = web  # type: ignore[index]
    async with loopback.running():
        serving = asyncio.create_task(web.run())
        await web.is_open.wait()
        yield web
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_the_page_offers_a_download(web: WebChat, browser: AsyncClient) -> None:
    assert (await send_sound(browser)).status_code == 200
    await wait_for_reply(browser, "message-1")
    typed = {"id": (None, "message-2"), "text": (None, "/export")}
    assert (await browser.post("/api/messages", files=typed)).status_code == 200
    entry = await wait_for_reply(browser, "message-2")
    [file] = entry["reply"]["files"]
    assert file["name"].endswith(".zip")
    data = (await browser.get(file["url"])).content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parsed = json.loads(archive.read("export.json"))
        [recording] = [one for one in archive.namelist() if one.startswith("recordings/")]
        assert archive.read(recording).startswith(b"OggS")
    assert parsed["requests"][0]["recording"] == recording
    async with open_client(web) as stranger:
        await stranger.post("/api/session")
        assert (await stranger.get(file["url"])).status_code == 404
