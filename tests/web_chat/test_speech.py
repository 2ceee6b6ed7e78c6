"""Streamed audio over real sockets."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from httpx import AsyncClient

from bots.web_chat import WebChat
from core.clock import Clock
from core.interfaces import DeliveryTarget
from core.models import Reply
from tests.support.web_client import listen, next_event, send_sound
from tests.support.web_inbox import FakeInbox, MemoryLedger
from tests.support.web_speech import RATE_HZ, SpeechInbox, chunks


@pytest.fixture
def inbox() -> FakeInbox:
    return SpeechInbox()


async def new_target(browser: AsyncClient, inbox: FakeInbox) -> DeliveryTarget:
    inbox.is_answering = False
    await send_sound(browser)
    (job,) = inbox.jobs.values()
    return DeliveryTarget(job.job_id, job.message, MemoryLedger())


def pcm_of(event: dict[str, Any]) -> bytes:
    assert (event["type"], event["id"]) == ("sound", "message-1")
    return base64.b64decode(event["pcm"])


async def test_audio_arrives_at_once_and_before_the_reply(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox, clock: Clock
) -> None:
    target = await new_target(browser, inbox)
    async with listen(browser, web) as socket:
        for chunk in list(chunks(0.7)):
            # Text that is being paced must not hold the sound back.
            await web.show(target, f"word {chunk[:4]!r}")
            await clock.sleep(0)
            started_s = clock.monotonic()
            web.play(target, chunk, RATE_HZ)
            while (event := await next_event(socket))["type"] != "sound":
                pass
            assert pcm_of(event) == chunk
            assert clock.monotonic() == started_s
        await web.deliver(target, Reply("Done."))
        while (event := await next_event(socket))["type"] != "reply":
            assert event["type"] == "text"


async def test_slow_page_gets_all_audio_in_order_then_the_reply(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    target = await new_target(browser, inbox)
    # Each as it comes, and then as much at once: no client takes events of any size.
    whole = [*chunks(10.0), b"".join(chunks(30.0))]
    async with listen(browser, web) as socket:
        for chunk in whole:
            web.play(target, chunk, RATE_HZ)
        await web.deliver(target, Reply("Done."))
        heard, places = b"", []
        while (event := await next_event(socket))["type"] == "sound":
            places.append((event["at_s"], len(heard) / 2 / RATE_HZ))
            piece = pcm_of(event)
            assert len(piece) <= 65_536 and len(piece) % 2 == 0
            heard += piece
    assert heard == b"".join(whole)
    assert all(told == pytest.approx(real) for told, real in places)
    assert event["type"] == "reply"


async def test_retry_starts_again(browser: AsyncClient, web: WebChat, inbox: FakeInbox) -> None:
    target = await new_target(browser, inbox)
    again = DeliveryTarget(target.job_id, target.message, target.ledger)
    async with listen(browser, web) as socket:
        for one in (target, target, again, again):
            web.play(one, next(chunks()), RATE_HZ)
        places = [(await next_event(socket))["at_s"] for _ in range(4)]
    assert places == pytest.approx([0.0, 0.1, 0.0, 0.1])


async def test_audio_reaches_only_the_pages_of_its_chat(
    browser: AsyncClient, stranger: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    target = await new_target(browser, inbox)
    async with listen(browser, web) as own, listen(stranger, web) as other:
        web.play(target, next(chunks()), RATE_HZ)
        await next_event(own)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.recv(), 10)


async def test_audio_files_have_length_and_title(browser: AsyncClient, web: WebChat) -> None:
    async with listen(browser, web) as socket:
        form = {"id": (None, "message-1"), "text": (None, "/takes")}
        assert (await browser.post("/api/messages", files=form)).status_code == 200
        files = (await next_event(socket))["reply"]["files"]
    assert [(f["title"], f["duration_s"], f["mime"]) for f in files] == [
        (take, 1.0, "audio/ogg") for take in "ABC"
    ]
    sound = await browser.get(files[1]["url"])
    assert sound.headers["content-type"] == "audio/ogg" and sound.content[:4] == b"OggS"
