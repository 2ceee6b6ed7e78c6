"""Inputs 65 to 72: updates of odd shapes, edits, deletions, albums, forged and repeated presses."""

from __future__ import annotations

import time
from typing import Any

import pytest
import pytest_asyncio

from core.models import JobState
from tests.acceptance.stage import CONTENT, Stage
from tests.chaos.notes import read_number
from tests.chaos.report import row
from tests.emulators.telegram import ANONYMOUS_ADMIN
from tests.support import sounds

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

STALE = "This button no longer works. Send the recording again."


def message(chat: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a Message as the Bot API writes it."""
    return {"message_id": 77, "date": int(time.time()), "chat": chat, **fields}


def private(person: int) -> dict[str, Any]:
    return {"id": person, "type": "private", "first_name": "Ann"}


def author(person: int) -> dict[str, Any]:
    return {"id": person, "is_bot": False, "first_name": "Ann", "language_code": "en"}


# --- 65: what nobody knows yet

ODD = {
    "input-65-unknown-kind": {"brand_new_thing": {"id": "1", "chat": {"id": 5}}},
    "input-65-nothing": {},
    "input-65-null-message": {"message": None},
    "input-65-string-message": {"message": "hello"},
    "input-65-list-message": {"message": [1, 2]},
    "input-65-empty-message": {"message": {}},
    "input-65-string-chat": {"message": {"message_id": 1, "date": 0, "chat": "me", "text": "hi"}},
    "input-65-huge-id": {"message": message({"id": 2**70, "type": "private"}, text="hi")},
    "input-65-null-query": {"callback_query": {"id": None, "from": None, "data": None}},
}


@pytest.mark.parametrize(
    ("row", "body"),
    [pytest.param(f"{name[9:]}: passed over", body, id=name) for name, body in ODD.items()],
)
async def test_odd_update(stage: Stage, row: str, body: dict[str, Any]) -> None:
    with stage.telegram.world.lock:
        kinds, stage.telegram.queue.allowed = stage.telegram.queue.allowed, None
        stage.telegram.raw_update(body)
        stage.telegram.queue.allowed = kinds
    assert await stage.is_alive()
    await stage.telegram.wait_for(lambda: not stage.telegram.pending(), 20)


@row("input-65-new-fields", "a message with unknown fields and nulls: answered")
async def test_new_fields(stage: Stage, row: str) -> None:
    ann = stage.person()
    extra = {"brand_new": {"a": [1, {"b": None}]}, "via_bot": None, "quote": None, "story": {}}
    _, number = await stage.send_note(ann, extra=extra)
    await stage.check_answer(ann, number)


# --- 66: who speaks


@row("input-66-channel-post", "a post in a channel: silence")
async def test_channel_post(stage: Stage, row: str) -> None:
    chat = stage.telegram.add_chat("channel", title=f"Channel {CONTENT}")
    place = {"id": chat, "type": "channel", "title": "Channel"}
    stage.telegram.raw_update({"message": message(place, text="/help", sender_chat=place)})
    assert await stage.is_silent(chat)


@row("input-66-no-from", "a message without from: answered, no crash")
async def test_without_sender(stage: Stage, row: str) -> None:
    ann = stage.person()
    entities = [{"type": "bot_command", "offset": 0, "length": 5}]
    body = message(private(ann), text="/help", entities=entities)
    stage.telegram.raw_update({"message": body})
    assert "/transcribe" in (await stage.reply(ann)).text


@row("input-66-anonymous-admin", "an anonymous admin: may change settings, is answered")
async def test_anonymous_admin(stage: Stage, row: str) -> None:
    group = stage.group()
    stage.telegram.send_command(group, ANONYMOUS_ADMIN, "/language zh")
    assert [job.state for job in await stage.settle(group)] == [JobState.DONE]
    assert (await stage.store.chats.settings(stage.chat(group))).language == "zh"


@row("input-66-member", "a plain member: may not change settings")
async def test_member(stage: Stage, row: str) -> None:
    group, bob = stage.group(), stage.person()
    stage.telegram.set_member(group, bob, "member")
    stage.telegram.send_command(group, bob, "/language zh")
    answer = await stage.reply(group)
    assert answer.text == "Only the admins of this chat can change that."
    assert (await stage.store.chats.settings(stage.chat(group))).language is None


@row("input-66-bot", "a message of another bot: silence, no loop")
async def test_other_bot(stage: Stage, row: str) -> None:
    group = stage.group()
    robot = stage.telegram.add_user("Robot", is_bot=True)
    stage.telegram.set_member(group, robot, "member")
    stage.telegram.send_command(group, robot, "/help")
    assert await stage.is_silent(group)


# --- 67, 68: changed and taken back


@row("input-67-edited-twice", "a caption edited twice while it is heard: one answer")
async def test_edited_twice(stage: Stage, row: str) -> None:
    ann = stage.person()
    async with stage.slow_engine(1.0) as until_heard:
        note, number = await stage.send_note(ann)
        await until_heard()
        for text in ("one", "two"):
            stage.telegram.edit_message(ann, note, f"{CONTENT} {text}")
        await stage.telegram.wait_for(lambda: not stage.telegram.pending())
        await stage.check_answer(ann, number)
    assert len([c for c in stage.mimo.calls if read_number(c.text) == number]) == 1


@row("input-68-deleted", "the message is deleted while it is heard: answered once")
async def test_deleted_while_running(stage: Stage, row: str) -> None:
    ann = stage.person()
    async with stage.slow_engine() as until_heard:
        note, number = await stage.send_note(ann)
        await until_heard()
        stage.telegram.delete_message(ann, note)
        await stage.check_answer(ann, number)


# --- 69, 70: many, and from elsewhere


@row("input-69-album", "an album: each answered once, in order")
async def test_album(stage: Stage, row: str) -> None:
    ann = stage.person()
    sent = [await stage.send_note(ann, extra={"media_group_id": "77"}) for _ in range(3)]
    await stage.settle(ann, 3)
    answers = stage.telegram.answers(ann)
    assert [(answer.reply_to, read_number(answer.text)) for answer in answers] == sent


@row("input-70-forwarded", "forwarded from a hidden user, protected: answered")
async def test_forwarded(stage: Stage, row: str) -> None:
    ann = stage.person()
    _, number = await stage.send_note(ann, forwarded=True, extra={"has_protected_content": True})
    await stage.check_answer(ann, number)


# --- 71: buttons

FORGED = {
    "input-71-forged": "retry",
    "input-71-64-bytes": "x" * 64,
    "input-71-binary": "\x00\x01\ufffd'; drop table jobs; --",
}


@pytest.mark.parametrize(
    ("row", "data"),
    [pytest.param("made-up data: told, no effect", data, id=n) for n, data in FORGED.items()],
)
async def test_forged_press(stage: Stage, row: str, data: str) -> None:
    ann = stage.person()
    _, number = await stage.send_note(ann)
    answer = await stage.check_answer(ann, number)
    stage.telegram.press_button(ann, ann, answer.message_id, data)
    jobs = await stage.settle(ann, 2)
    assert jobs[1].command == "stale_button"
    assert [one.text for one in stage.telegram.answers(ann)[1:]] == [STALE]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def button(stage: Stage) -> tuple[int, int, str]:
    """A person who has an answer with buttons, that answer, and what one carries."""
    ann = stage.person()
    stage.telegram.send_audio(ann, ann, sounds.file("ogg-opus", sounds.speech(80)))
    answer = await stage.reply(ann, timeout_s=40)
    [button] = [one for line in answer.buttons for one in line if one["text"] == ".txt"]
    return ann, answer.message_id, button["callback_data"]


@row("input-71-other-chat", "the data of another chat's button: told, nothing of it is shown")
async def test_foreign_press(stage: Stage, button: tuple[int, int, str], row: str) -> None:
    _, _, token = button
    bob = stage.person()
    _, number = await stage.send_note(bob)
    answer = await stage.check_answer(bob, number)
    stage.telegram.press_button(bob, bob, answer.message_id, token)
    await stage.settle(bob, 2)
    [told] = stage.telegram.answers(bob)[1:]
    assert told.text == STALE and told.file is None


@row("input-71-replayed", "one press delivered 100 times: one effect")
async def test_replayed_press(stage: Stage, button: tuple[int, int, str], row: str) -> None:
    ann, under, _ = button
    stage.telegram.press_button(ann, ann, under, ".txt")
    press = stage.telegram.queue.next_id - 1
    stage.telegram.redeliver(press, 100)
    await stage.telegram.wait_for(
        lambda: not stage.telegram.pending() and not stage.telegram.queue._again, 20
    )
    assert len(await stage.settle(ann, 2)) == 2
    [file] = stage.telegram.answers(ann)[1:]
    assert file.file is not None and file.file.name == "transcript.txt"


# --- 72: commands in odd places


@row("input-72-caption", "a command in the caption of a note: run on that note")
async def test_command_in_caption(stage: Stage, row: str) -> None:
    ann = stage.person()
    group = stage.group(person=ann)
    note, number = await stage.send_note(group, ann, caption="/transcribe")
    assert (await stage.check_answer(group, number)).reply_to == note


@row("input-72-reply-to-reply", "a command in a reply to a reply: a clear sentence")
async def test_command_in_reply_to_reply(stage: Stage, row: str) -> None:
    ann = stage.person()
    group = stage.group(person=ann)
    note, _ = await stage.send_note(group, ann)
    reply = stage.telegram.send_text(group, ann, f"{CONTENT} what?", reply_to=note)
    stage.telegram.send_command(group, ann, "/transcribe", reply_to=reply)
    answer = await stage.reply(group)
    assert answer.text == "Send me a voice note, or answer one with /transcribe."


# 1 MB, depth 1000 and the like in 72 are about webhooks: the program polls.
