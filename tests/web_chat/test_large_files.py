"""Large recordings: an hour of WAV, and the one limit for the size of files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from httpx import AsyncClient, TransportError

from bots.web_chat.session import COOKIE
from core.config import Settings
from core.interfaces import PIECE_BYTES
from tests.support import audio_samples
from tests.support.fake_inbox import MemoryRecording
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
    # In memory is never more of it than a piece, and what the server reads at once: 256 KB.
    [recording] = inbox.recordings.values()
    assert isinstance(recording, MemoryRecording)
    assert max(map(len, recording.pieces)) < 1.3 * PIECE_BYTES
    heard = await browser.get("/api/sounds/message-1")
    assert heard.content == data and heard.headers["content-length"] == "115200044"


@pytest.mark.finding(8)
async def test_the_page_takes_as_much_as_the_setting_allows(tmp_path: Path) -> None:
    settings = Settings(hearsay_home=tmp_path, web_port=0, max_file_mb=2000)
    async with open_web(settings, FakeInbox()) as web, open_client(web) as browser:
        assert (await browser.post("/api/session")).json()["max_file_bytes"] == 2_000_000_000


@pytest.mark.finding(8)
async def test_a_body_without_end_is_cut_off_at_the_limit(tmp_path: Path) -> None:
    """Of no announced length; what arrived of it belongs to no message."""
    sent = 0

    async def send_forever() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\nmessage-1\r\n'
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while True:
            sent += 100_000
            yield bytes(100_000)

    settings, inbox = Settings(hearsay_home=tmp_path, web_port=0, max_file_mb=2), FakeInbox()
    async with open_web(settings, inbox) as web, open_client(web) as browser:
        await browser.post("/api/session")
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        with suppress(TransportError):
            answer = await browser.post("/api/messages", content=send_forever(), headers=kind)
            assert answer.status_code == 413
    assert sent < 20_000_000 and not inbox.jobs and not inbox.recordings


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
