"""The page's event stream while a long recording is translated."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from httpx import AsyncClient
from websockets.asyncio.client import connect

from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.web_client import wait_for_reply
from tests.support.web_program import run_program

STATE = re.compile(
    r"\d+% · \d:\d\d of 2:00( · about \d+ (s|min) left)?( · uses .*)?( · waiting for .*)?"
)


@pytest.mark.finding(22)
@pytest.mark.real_time
async def test_a_page_gets_the_progress_of_a_translation_and_cancels_it(
    tmp_path: Path, mimo: MimoServer
) -> None:
    mimo.rules.latency_s = 60.0
    settings = {"MIMO_API_KEY": mimo.key, "MIMO_BASE_URL": mimo.base_url, "TRANSCRIBER": "mimo"}
    sound = audio_samples.file("ogg-opus", audio_samples.speech(120.0))
    async with (
        run_program(tmp_path, **settings) as (_, url),
        AsyncClient(base_url=url, headers={"Origin": url}, timeout=30) as browser,
    ):
        assert (await browser.post("/api/session")).status_code == 200
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        address = url.replace("http", "ws") + "/api/events"
        headers = {"Cookie": cookie}
        async with connect(address, origin=url, additional_headers=headers) as socket:  # type: ignore[arg-type]
            form = {"id": "message-1", "kind": "audio", "text": "/translate German"}
            file = ("talk.ogg", sound, "audio/ogg")
            sent = await browser.post("/api/messages", data=form, files={"file": file})
            assert sent.status_code == 200, sent.text
            event = json.loads(await asyncio.wait_for(socket.recv(), 30))
            assert (event["type"], event["id"]) == ("text", "message-1")
            assert STATE.fullmatch(event["text"]), event
        stop = {"id": (None, "cancel-1"), "text": (None, "/cancel")}
        assert (await browser.post("/api/messages", files=stop)).status_code == 200
        entry = await wait_for_reply(browser, "message-1")
        assert entry["reply"]["text"] == "Cancelled."
