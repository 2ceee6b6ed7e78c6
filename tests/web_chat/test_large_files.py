"""Large recordings: an hour of WAV, and the one limit for the size of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from httpx import AsyncClient

from bots.web_chat.session import COOKIE
from core.config import Settings
from tests.support import audio_samples
from tests.support.web_client import open_client, send_raw
from tests.support.web_inbox import FakeInbox, open_web


@pytest.mark.finding(8)
async def test_the_page_takes_an_hour_of_wav(browser: AsyncClient, inbox: FakeInbox) -> None:
    """16 kHz, mono."""
    data = audio_samples.wav(bytes(3600 * 32_000))
    files = {"file": ("hour.wav", data, "audio/wav")}
    answer = await browser.post("/api/messages", data={"id": "message-1"}, files=files)
    assert answer.status_code == 200, answer.text
    [job] = inbox.jobs.values()
    assert job.message.attachment and job.message.attachment.size_bytes == len(data) == 115_200_044


@pytest.mark.finding(8)
async def test_the_setting_limits_uploads_and_is_named(tmp_path: Path) -> None:
    settings = Settings(hearsay_home=tmp_path, web_port=0, max_file_mb=1)
    async with open_web(settings, FakeInbox()) as web, open_client(web) as browser:
        assert (await browser.post("/api/session")).json()["max_file_bytes"] == 1_000_000
        head = (
            "POST /api/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Cookie: {COOKIE}={browser.cookies[COOKIE]}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2000000\r\n\r\n"
        )
        status, _, body = await send_raw(web.url, head.encode())
    assert status == 413 and b"the limit is 1 MB" in body
