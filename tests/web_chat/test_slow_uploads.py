"""How long an upload to the page may take, and what many of them take together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from httpx import AsyncClient, Response, TransportError

from bots.common.body_limit import FORM_BYTES, START_S, TOTAL_BYTES
from bots.web_chat import WebChat
from bots.web_chat.session import COOKIE
from core.clock import Clock
from core.config import Settings
from tests.support.web_client import FILE_HEAD, IS_FORM, open_client, send_raw, send_sound
from tests.support.web_inbox import FakeInbox, open_web

ID = b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\nmessage-1\r\n'
END = b"\r\n--x--\r\n"


async def upload(browser: AsyncClient, pauses_s: list[float], part_bytes: int) -> Response:
    """Send a file in parts, each after a pause."""

    async def send() -> AsyncIterator[bytes]:
        yield ID + FILE_HEAD
        for pause_s in pauses_s:
            await asyncio.sleep(pause_s)
            yield bytes(part_bytes)
        yield END

    timeout_s = 10**6
    return await browser.post("/api/messages", content=send(), headers=IS_FORM, timeout=timeout_s)


@pytest.mark.finding(8)
async def test_a_slow_upload_may_take_as_long_as_something_comes(
    browser: AsyncClient, inbox: FakeInbox
) -> None:
    """50 MB in 83 minutes."""
    answer = await upload(browser, [10.0] * 500, 10**5)
    assert answer.status_code == 200, answer.text
    [job] = inbox.jobs.values()
    assert job.message.attachment and job.message.attachment.size_bytes == 50 * 10**6


@pytest.mark.parametrize(
    ("pauses_s", "part_bytes"),
    [([START_S + 1], 10), ([1.0] * 60, 100), ([1.0, 130.0], 10**6), ([20.0] * 100, 10**5)],
    ids=["silent", "trickle", "stops", "slow"],
)
async def test_an_upload_that_stops_or_trickles_is_given_up(
    browser: AsyncClient, inbox: FakeInbox, pauses_s: list[float], part_bytes: int
) -> None:
    # Who goes on sending may see a closed connection instead of the answer.
    with suppress(TransportError):
        answer = await upload(browser, pauses_s, part_bytes)
        assert answer.status_code == 408
    assert not inbox.jobs


async def test_who_is_given_up_is_told(web: WebChat, browser: AsyncClient) -> None:
    head = (
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        f"Cookie: {COOKIE}={browser.cookies[COOKIE]}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    status, _, body = await send_raw(web.url, head.encode())
    assert status == 408 and b"too slowly" in body


async def test_open_uploads_of_a_visitor_hold_up_nobody_else(tmp_path: Path, clock: Clock) -> None:
    """A hundred that never end: a part of them is read, and others need not wait."""
    settings = Settings(hearsay_home=tmp_path, web_port=0, trusted_proxies="127.0.0.1")  # type: ignore[arg-type]
    hostile, other = ({"X-Forwarded-For": address} for address in ("6.6.6.6", "7.7.7.7"))
    async with open_web(settings, FakeInbox()) as web, open_client(web, **hostile) as browser:
        await browser.post("/api/session")
        uploads = [asyncio.create_task(upload(browser, [10**6], 1)) for _ in range(90)]
        await clock.sleep(1)
        assert len(web.body_limit._waiting) == 90 - TOTAL_BYTES * 2 // 3 // FORM_BYTES
        assert (await browser.get("/api/history")).status_code == 200, "there is no body"
        async with open_client(web, **other) as another:
            await another.post("/api/session")
            assert (await send_sound(another)).status_code == 200
        for one in uploads:
            one.cancel()
        await asyncio.gather(*uploads, return_exceptions=True)
