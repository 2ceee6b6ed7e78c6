from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from httpx import AsyncClient

from bots.web_chat import WebChat
from bots.web_chat.wording import NOT_ON_PAGE
from core.commands import menu
from core.errors import EngineBusy, StorageFull, UserError
from core.interfaces import DeliveryTarget
from tests.support.web_client import SOUND, listen, next_event, send_sound, wait_for_reply
from tests.support.web_inbox import FakeInbox, MemoryLedger


async def test_recording_is_saved_before_the_response(
    browser: AsyncClient, inbox: FakeInbox
) -> None:
    inbox.is_answering = False
    answer = await send_sound(browser)
    entry = answer.json()["entry"]
    assert answer.status_code == 200
    assert entry["state"] == "waiting"
    told = {"kind": "voice", "name": "note.ogg", "size_bytes": len(SOUND), "duration_s": 2.5}
    assert entry["file"] == told
    assert list(inbox.recordings.values()) == [SOUND]
    (job,) = inbox.jobs.values()
    assert job.message.attachment is not None
    assert job.message.attachment.mime == "audio/ogg"
    assert job.message.sender_id == job.message.chat.chat_id
    assert (job.message.chat.platform, job.message.chat.bot_id) == ("web", "local")


async def test_page_sees_partial_text_then_the_reply(browser: AsyncClient, web: WebChat) -> None:
    async with listen(browser, web) as socket:
        await send_sound(browser)
        partial, final = await next_event(socket), await next_event(socket)
    assert partial == {"type": "text", "id": "message-1", "text": "The stale smell of"}
    assert (final["type"], final["id"]) == ("reply", "message-1")
    assert final["reply"]["quote"] == "The stale smell of old beer lingers."
    assert final["reply"]["buttons"] == [{"label": "Summary", "token": "t-summary"}]


async def test_page_opened_late_gets_the_partial_text(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    inbox.may_finish.clear()
    async with listen(browser, web) as early:
        await send_sound(browser)
        await next_event(early)
        async with listen(browser, web) as late:
            assert (await next_event(late))["text"] == "The stale smell of"


async def test_slow_page_gets_the_latest_text(
    browser: AsyncClient, web: WebChat, inbox: FakeInbox
) -> None:
    inbox.is_answering = False
    await send_sound(browser)
    (job,) = inbox.jobs.values()
    target = DeliveryTarget(job.job_id, job.message, MemoryLedger())
    async with listen(browser, web) as socket:
        for count in range(1000):
            await web.show(target, f"word {count}")
        texts = [(await next_event(socket))["text"]]
        while texts[-1] != "word 999":
            texts.append((await next_event(socket))["text"])
    assert len(texts) <= 2


async def test_upload_sent_again_is_one_message(browser: AsyncClient, inbox: FakeInbox) -> None:
    first = await send_sound(browser)
    again = await send_sound(browser)
    assert again.status_code == 200
    assert again.json()["entry"]["job_id"] == first.json()["entry"]["job_id"]
    assert len(inbox.jobs) == 1


async def test_typed_command_is_split_from_its_text(browser: AsyncClient, inbox: FakeInbox) -> None:
    typed = {"id": "command-1", "text": " /Language  zh-CN "}
    more: Any = {"files": {"ignored": ("", b"")}, "headers": {"Accept-Language": "zh-CN,zh;q=0.9"}}
    await browser.post("/api/messages", data=typed, **more)
    (job,) = inbox.jobs.values()
    assert (job.message.command, job.message.text) == ("language", "zh-CN")
    assert job.message.language == "zh-CN"
    form = {"id": (None, "plain-text-1"), "text": (None, "5/3 or a/b\n/help")}
    assert (await browser.post("/api/messages", files=form)).status_code == 200
    [*_, job] = inbox.jobs.values()
    assert (job.message.command, job.message.text) == ("", "5/3 or a/b\n/help")


async def test_commands_are_those_of_the_menu(browser: AsyncClient) -> None:
    listed = (await browser.get("/api/commands")).json()
    names = [name for name, _ in menu() if name not in NOT_ON_PAGE]
    assert [command["name"] for command in listed] == names
    assert all(command["help"] for command in listed)


async def test_pressed_button_sends_its_token(browser: AsyncClient, inbox: FakeInbox) -> None:
    press = {"id": "press-0001", "token": "t-summary"}
    for _ in range(2):
        answer = await browser.post("/api/buttons", json=press)
        assert answer.status_code == 200
    (job,) = inbox.jobs.values()
    assert (job.message.button, job.message.text, job.message.command) == ("t-summary", "", "")


async def test_files_of_a_reply_are_downloads(browser: AsyncClient) -> None:
    await send_sound(browser)
    text, hostile = (await wait_for_reply(browser, "message-1"))["reply"]["files"]
    answer = await browser.get(text["url"])
    assert answer.content.decode() == "The stale smell – 陈旧"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    answer = await browser.get(hostile["url"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="pass__wd_txt.')
    name = unquote(disposition.rpartition("''")[2])
    assert not set(name) & set('/\\\r\n"\u202e')
    assert disposition.count('"') == 2


async def test_bad_message_is_refused_in_a_sentence(browser: AsyncClient, inbox: FakeInbox) -> None:
    for fields, sentence in (
        ({"text": "hi"}, "This message has an invalid id."),
        ({"id": "../../etc", "text": "hi"}, "This message has an invalid id."),
        ({"id": "empty-text", "text": "  "}, "Send a recording, a file or some text."),
        ({"id": "long-text", "text": "a" * 20_001}, "20000 characters"),
    ):
        form = {name: (None, value) for name, value in fields.items()}
        answer = await browser.post("/api/messages", files=form)
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]
    empty = {"file": ("a.ogg", b"")}
    answer = await browser.post("/api/messages", data={"id": "empty-file"}, files=empty)
    assert (answer.status_code, answer.json()) == (400, {"error": "This file is empty."})
    assert not inbox.jobs


@pytest.mark.finding(26)
async def test_unsaved_message_is_an_error(browser: AsyncClient, inbox: FakeInbox) -> None:
    inbox.error = EngineBusy("no room on the disk")
    answer = await send_sound(browser)
    assert answer.status_code == 503
    assert "no room" not in answer.text
    inbox.error = StorageFull("/x/hearsay.db", 0)
    answer = await send_sound(browser)
    assert answer.status_code == 503 and "/x/" not in answer.text
    assert answer.json()["error"].endswith("disk is full. Please send it again later.")
    inbox.error = UserError("Too many recordings are waiting: {count}.", count=3)
    answer = await send_sound(browser)
    assert answer.json() == {"error": "Too many recordings are waiting: 3."}
    inbox.error = None
    assert (await send_sound(browser)).status_code == 200
