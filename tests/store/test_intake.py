"""Taking messages in: what becomes a job, and what is known already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import Clock
from core.commands import pick_command
from core.models import (
    FORM_TOKEN,
    Attachment,
    Button,
    Chat,
    ChatSettings,
    JobState,
    Message,
    QuotedMessage,
    Reply,
)
from core.store import Store
from tests.conftest import NewMessage
from tests.store.conftest import Add


async def test_message_and_job_come_back_unchanged(store: Store, add: Add, clock: Clock) -> None:
    chosen = ChatSettings("zh")
    await store.chats.save_settings(Chat("test", "1", "100"), chosen)
    changes = {"text": "caption 😀", "thread_id": "4", "language": "zh-hans", "message_id": "5"}
    job, other = await add(**changes), await add(**changes, chat=Chat("test", "1", "200"))
    assert await store.jobs.find(job.job_id) == job
    assert (job.message.text, job.message.thread_id) == ("caption 😀", "4")
    assert (job.command, job.state, job.settings) == ("transcribe", JobState.WAITING, chosen)
    assert job.created_at == job.run_at == clock.now()
    assert other.job_id != job.job_id, "the same id in another chat is another message"


@pytest.mark.parametrize(
    ("command", "edit", "is_new"),
    [
        ("", {"text": "typo"}, False),
        ("", {"attachment": Attachment("file-2")}, True),
        ("", {"command": "ask"}, True),
        ("", {"command": "say", "attachment": None, "text": "hi"}, True),
        ("say", {"text": "two"}, True),
    ],
)
async def test_an_edit_that_asks_for_the_same_is_ignored(
    store: Store, new_message: NewMessage, command: str, edit: dict[str, object], is_new: bool
) -> None:
    message = new_message(command=command, text="one")
    assert await store.intake.add(message, pick_command)
    assert await store.intake.add(message, pick_command) is None, "it came twice"
    edited = replace(message, edit_id="5", **edit)  # type: ignore[arg-type]
    assert (await store.intake.add(edited, pick_command) is not None) is is_new
    again = replace(edited, edit_id="6")
    assert await store.intake.add(again, pick_command) is None
    back = replace(message, edit_id="7")
    assert await store.intake.add(back, pick_command) is None, "that was asked already"
    assert await store.jobs.counts() == {JobState.WAITING: 1 + is_new}
    elsewhere = replace(edited, chat=Chat("test", "1", "200"))
    assert await store.intake.add(elsewhere, pick_command), "there it is new"


async def test_group_talk_is_not_stored(store: Store, new_message: NewMessage) -> None:
    message = new_message(is_private=False)
    assert await store.intake.add(message, pick_command) is None
    assert await store.jobs.counts() == {}
    await store.chats.save_settings(message.chat, ChatSettings(is_auto=True))
    assert await store.intake.add(message, pick_command) is not None


async def test_an_uploaded_recording_outlives_its_job(store: Store, add: Add) -> None:
    job = await add(data=b"\x00sound\xff")
    chat, message_id = job.message.chat, job.message.message_id
    await store.jobs.finish(job.job_id, JobState.DONE)
    assert await store.recordings.find(chat, message_id) == b"\x00sound\xff"
    assert await store.recordings.find(chat, "other") is None
    for other in (Chat("test", "1", "x"), Chat("test", "2", "100"), Chat("x", "1", "100")):
        assert await store.recordings.find(other, message_id) is None
    silent = await add()
    assert await store.recordings.find(chat, silent.message.message_id) is None


async def press(store: Store, message: Message, token: str) -> tuple[str, str]:
    pressed = replace(message, button=token, command="start", text=token, attachment=None)
    seen: list[Message] = []

    def look(message: Message, settings: ChatSettings) -> None:
        seen.append(message)

    await store.intake.add(pressed, look)
    assert seen[0].button == token, "it came from a button, and that is to be seen"
    return seen[0].command, seen[0].text


async def test_a_button_works_in_its_chat(store: Store, add: Add, new_message: NewMessage) -> None:
    job = await add()
    offer = Reply("done", buttons=(Button(".txt", "text_file", "txt key"),))
    token = (await store.jobs.save_reply(job.job_id, offer, JobState.DONE)).buttons[0].token
    assert len(token) >= 20
    assert await press(store, new_message(), token) == ("text_file", "txt key")
    assert await press(store, new_message("999"), token) == ("stale_button", "")
    assert await press(store, new_message(), "forged") == ("stale_button", "")


async def test_a_private_button_works_for_its_person_in_private_within_an_hour(
    store: Store, new_message: NewMessage, clock: Clock
) -> None:
    asked = new_message("-100", is_private=False, sender_id="7", command="help")
    job = await store.intake.add(asked, pick_command)
    assert job
    offer = Reply("here", buttons=(Button("For me", "private_summary", "all", is_private=True),))
    token = (await store.jobs.save_reply(job.job_id, offer, JobState.DONE)).buttons[0].token
    hers = new_message("7", sender_id="7")
    stale = ("stale_button", "")
    assert await press(store, hers, token) == ("private_summary", "all")
    for wrong in (
        new_message("8", sender_id="8"),
        new_message("8", sender_id="7", is_private=False),
        replace(asked, message_id="press"),
        replace(hers, chat=Chat("test", "2", "7")),
        replace(hers, chat=Chat("other", "1", "7")),
    ):
        assert await press(store, wrong, token) == stale
    assert await press(store, hers, token) == ("private_summary", "all"), "twice is as good"
    await clock.sleep(61 * 60)
    assert await press(store, hers, token) == stale


async def test_a_reply_to_our_answer_knows_the_newest_of_that_id(store: Store, add: Add) -> None:
    first, second, other = await add(), await add(command="ask", text="?"), await add("200")
    for job in (first, second, other):
        ledger = store.deliveries.target(job).ledger
        await ledger.start(0)
        await ledger.finish(0, "sent-1")
    quoted = QuotedMessage("sent-1", "words", sender_id="bot")
    reply = await add(reply_to=quoted)
    assert reply.message.reply_to == replace(quoted, job_id=second.job_id, command="ask")
    unknown = QuotedMessage("sent-2")
    assert (await add(reply_to=unknown)).message.reply_to == unknown
    assert (await add("300", reply_to=quoted)).message.reply_to == quoted


async def test_a_form_belongs_to_the_chat_and_the_person_that_opened_it(
    store: Store, new_message: NewMessage
) -> None:
    quoted = QuotedMessage("5", "We meet at ten.", sender_id="8")
    opener = new_message(command="ask", attachment=None, reply_to=quoted)
    for _ in range(2):
        await store.intake.open_form(opener)
    asked = {"text": "When?", "button": f"{FORM_TOKEN}{opener.message_id}", "attachment": None}
    for stranger in ({"sender_id": "8"}, {"chat_id": "200"}):
        refused = await store.intake.add(new_message(**{**asked, **stranger}), pick_command)
        assert refused and refused.command == "stale_button" and refused.message.reply_to is None
    job = await store.intake.add(new_message(**asked), pick_command)
    assert job and (job.command, job.message.text) == ("ask", "When?")
    assert job.message.reply_to == quoted


async def test_a_forged_form_gives_the_command_of_a_pressed_button_no_other_text(
    store: Store, new_message: NewMessage, add: Add
) -> None:
    job = await add()
    reply = await store.jobs.save_reply(
        job.job_id,
        Reply("answer", buttons=(Button(".txt", "text_file", "key"),)),
        JobState.DONE,
    )
    press = new_message(button=reply.buttons[0].token, reply_to=QuotedMessage("5"))
    assert await store.intake.add(press, pick_command)
    forged = new_message(button=f"{FORM_TOKEN}{press.message_id}", text="another key")
    refused = await store.intake.add(forged, pick_command)
    assert refused and refused.command == "stale_button"
