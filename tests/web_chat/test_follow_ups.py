"""Follow-ups, links between entries, and replies that change."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from bots.web_chat import WebChat
from bots.web_chat.wire import build_entry, build_reply
from core.errors import UserError
from core.interfaces import DeliveryTarget
from core.models import DeliveryState, Job, JobState, Link, Reply, Span
from tests.conftest import NewMessage
from tests.support.web_client import SOUND, listen, next_event, send_sound, wait_for_reply
from tests.support.web_inbox import FakeInbox, MemoryLedger


async def ask(browser: AsyncClient, text: str, reply_to: str, name: str = "ask-0001") -> None:
    form = {"id": (None, name), "text": (None, text), "reply_to": (None, reply_to)}
    answer = await browser.post("/api/messages", files=form)
    assert answer.status_code == 200, answer.text


async def test_follow_up_quotes_the_answer(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    await send_sound(browser)
    await wait_for_reply(browser, "message-1")
    await ask(browser, "Who says so?", "message-1")
    job = next(job for (_, name), job in inbox.jobs.items() if name == "ask-0001")
    quoted = job.message.reply_to
    assert quoted is not None
    assert (quoted.message_id, quoted.text) == ("message-1", f"Heard {len(SOUND)} bytes")
    assert quoted.attachment is not None
    assert await web.fetch(job.message) == SOUND
    inbox.recordings.clear()
    with pytest.raises(UserError, match="no longer stored"):
        await web.fetch(job.message)
    entries = (await browser.get("/api/history")).json()["entries"]
    assert [(entry["id"], entry["reply_to"]) for entry in entries] == [
        ("message-1", ""),
        ("ask-0001", "message-1"),
    ]


async def test_follow_up_cannot_quote_another_browsers_chat(
    browser: AsyncClient, stranger: AsyncClient, inbox: FakeInbox
) -> None:
    await send_sound(browser)
    await ask(stranger, "What is said?", "message-1")
    job = next(job for (_, name), job in inbox.jobs.items() if name == "ask-0001")
    assert job.message.reply_to is None


def test_can_ask_marks_replies_that_take_follow_ups(new_message: NewMessage) -> None:
    def make(command: str) -> Job:
        message = new_message()
        moment = message.sent_at
        return Job("0123456789", message, command, JobState.DONE, 1, moment, moment)

    can_ask = {name for name in ("transcribe", "ask", "help", "voice")
               if build_entry(make(name))["can_ask"]}  # fmt: skip
    assert can_ask == {"transcribe", "ask"}


def test_links_are_counted_in_utf16_units() -> None:
    links = (Link(2, 4, "note-0001"), Link(5, 6, "9", chat_id="-100"), Link(-3, 1, "note-0002"))
    built = build_reply("1", Reply("😀 ab 字", "q", links=links, is_quote_first=True))
    assert built["links"] == [
        {"start": 3, "end": 5, "id": "note-0001"},
        {"start": 0, "end": 2, "id": "note-0002"},
    ]
    assert built["is_quote_first"]


def test_marks_are_counted_in_utf16_units() -> None:
    reply = Reply("", "😀 Kowalski", marks=(Span(2, 10, "corrected"),))
    built = build_reply("1", reply)
    assert built["marks"] == [{"start": 3, "end": 11}]


async def test_changed_reply_replaces_the_old_one(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    inbox.is_answering = False
    await send_sound(browser)
    (job,) = inbox.jobs.values()
    ledger = MemoryLedger()
    target = DeliveryTarget(job.job_id, job.message, ledger)
    await web.deliver(target, Reply("old"))
    ledger.outdate()
    async with listen(browser, web) as socket:
        await web.deliver(target, Reply("new"))
        event = await next_event(socket)
    assert (event["type"], event["id"], event["reply"]["text"]) == ("reply", "message-1", "new")
    assert [(part.state, part.platform_id) for part in ledger.rows.values()] == [
        (DeliveryState.SENT, "message-1")
    ]
