"""Inputs 65 to 72: malformed updates, edits, deletions, albums, forged and repeated presses.

One row of each kind; `tests.telegram_bot` covers the parsing of updates.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.stage import CONTENT, Stage
from tests.chaos.notes import read_number
from tests.chaos.report import row
from tests.emulators.telegram import ANONYMOUS_ADMIN
from tests.support import audio_samples
from tests.support.virtual_time import BEGAN_AT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

STALE = "This button has expired. Send the recording again."
NOW = int(BEGAN_AT.timestamp())
#: Unknown and malformed updates.
ODD: tuple[dict[str, Any], ...] = (
    {"brand_new_thing": {"id": "1", "chat": {"id": 5}}},
    {},
    {"message": None},
    {"message": "hello"},
    {"message": [1, 2]},
    {"message": {}},
    {"message": {"message_id": 1, "date": 0, "chat": "me", "text": "hi"}},
    {"message": {"message_id": 77, "date": NOW, "chat": {"id": 2**70, "type": "private"}}},
    {"callback_query": {"id": None, "from": None, "data": None}},
)


@row("input-65-odd", "unknown and malformed updates: skipped")
async def test_malformed_updates_are_skipped(stage: Stage, row: str) -> None:
    with stage.telegram.world.lock:
        kinds, stage.telegram.queue.allowed = stage.telegram.queue.allowed, None
        for body in ODD:
            stage.telegram.raw_update(body)
        stage.telegram.queue.allowed = kinds
    assert await stage.is_alive()
    await stage.telegram.wait_for(lambda: not stage.telegram.pending(), 20)


@row("input-66-who", "an anonymous admin may change settings, a plain member and a bot may not")
async def test_only_admins_change_settings(stage: Stage, row: str) -> None:
    group, bob, telegram = stage.group(), stage.person(), stage.telegram
    robot = telegram.add_user("Robot", is_bot=True)
    for member in (bob, robot):
        telegram.set_member(group, member, "member")
    telegram.send_command(group, robot, "/help")
    telegram.send_command(group, ANONYMOUS_ADMIN, "/language zh")
    assert [job.command for job in await stage.settle(group)] == ["language"], "no loop of bots"
    assert (await stage.store.chats.settings(stage.chat(group))).language == "zh"
    telegram.send_command(group, bob, "/language en")
    await stage.settle(group, 2)
    assert telegram.replies(group)[1].text == "Only the admins of this chat can change that."
    assert (await stage.store.chats.settings(stage.chat(group))).language == "zh"


@row("input-67-edited-twice", "a caption edited twice while transcribing: one reply")
async def test_edits_while_running_make_one_reply(stage: Stage, row: str) -> None:
    ann = stage.person()
    async with stage.slow_engine(1.0) as wait_for_call:
        note, number = await stage.send_note(ann)
        await wait_for_call()
        for text in ("one", "two"):
            stage.telegram.edit_message(ann, note, f"{CONTENT} {text}")
        await stage.telegram.wait_for(lambda: not stage.telegram.pending())
        await stage.check_answer(ann, number)
    assert len([c for c in stage.mimo.requests if read_number(c.text) == number]) == 1


@row("input-68-deleted", "the message is deleted while transcribing: answered once")
async def test_a_message_deleted_while_running_is_answered_once(stage: Stage, row: str) -> None:
    ann = stage.person()
    async with stage.slow_engine() as wait_for_call:
        note, number = await stage.send_note(ann)
        await wait_for_call()
        stage.telegram.delete_message(ann, note)
        await stage.check_answer(ann, number)


@row("input-69-album", "an album: each answered once, in order")
async def test_an_album_is_answered_in_order(stage: Stage, row: str) -> None:
    ann = stage.person()
    sent = [await stage.send_note(ann, extra={"media_group_id": "77"}) for _ in range(3)]
    await stage.settle(ann, 3)
    answers = stage.telegram.replies(ann)
    assert [(answer.reply_to, read_number(answer.text)) for answer in answers] == sent


@row("input-70-forwarded", "forwarded from a hidden user, protected, unknown fields: answered")
async def test_a_forwarded_note_is_answered(stage: Stage, row: str) -> None:
    ann = stage.person()
    odd = {"brand_new": {"a": [1, {"b": None}]}, "via_bot": None, "quote": None, "story": {}}
    extra = {"has_protected_content": True, **odd}
    _, number = await stage.send_note(ann, forwarded=True, extra=extra)
    await stage.check_answer(ann, number)


@row("input-71-presses", "a press delivered 100 times: one effect; forged presses: none")
async def test_a_repeated_press_has_one_effect(stage: Stage, row: str) -> None:
    ann, bob, telegram = stage.person(), stage.person(), stage.telegram
    telegram.send_audio(ann, ann, audio_samples.file("ogg-opus", audio_samples.speech(80)))
    answer = await stage.reply(ann, timeout_s=40)
    [button] = [one for line in answer.buttons for one in line if one["text"] == ".txt"]
    telegram.press_button(ann, ann, answer.message_id, ".txt")
    telegram.redeliver(telegram.queue.next_id - 1, 100)
    await telegram.wait_for(lambda: not telegram.pending() and not telegram.queue._again, 20)
    assert len(await stage.settle(ann, 2)) == 2
    [file] = telegram.replies(ann)[1:]
    assert file.file is not None and file.file.name.endswith(".txt")

    _, number = await stage.send_note(bob)
    answer = await stage.check_answer(bob, number)
    for data in (button["callback_data"], "retry", "x" * 64, "\x00\x01\ufffd'; drop table jobs;"):
        telegram.press_button(bob, bob, answer.message_id, data)
    jobs = await stage.settle(bob, 5)
    assert [job.command for job in jobs[1:]] == ["stale_button"] * 4
    assert [(one.text, one.file) for one in telegram.replies(bob)[1:]] == [(STALE, None)] * 4


# 1 MB, depth 1000 and the like in 72 are in tests/telegram_bot/test_endpoint.py.
@row("input-72-caption", "a command in the caption of a note: run on that note")
async def test_command_in_caption(stage: Stage, row: str) -> None:
    ann = stage.person()
    group = stage.group(person=ann)
    note, number = await stage.send_note(group, ann, caption="/transcribe")
    assert (await stage.check_answer(group, number)).reply_to == note
