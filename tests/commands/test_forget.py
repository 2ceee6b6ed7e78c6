"""/forget: what is deleted, who may delete it, and the reply."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import Clock
from core.commands.deletion import DELETED
from core.errors import EngineLocked
from core.locale import Plural, list_counts
from core.models import Attachment, Chat, QuotedMessage, Reply
from tests.support.clean_start import ask_database
from tests.support.group_talk import ADA, BEN, EVE, Group, quote


@pytest.fixture
async def group(group: Group) -> Group:
    await group.ask("remember on", EVE)
    return group


def counts(text: str) -> list[int]:
    """Return what a receipt counts: messages, answers, transcripts."""
    found = dict(reversed(one) for one in re.findall(r"(\d+) (message|repl|transcript)", text))
    assert "0" not in found.values()
    return [int(found.get(kind, 0)) for kind in ("message", "repl", "transcript")]


async def test_own_message_is_forgotten_by_replying_to_it(group: Group) -> None:
    group.loopback.platform.can_administer = False
    mine, other = await group.say("mine", ADA), await group.say("of Ben", BEN)
    reply = await group.ask("forget", ADA, reply_to=quote(mine))
    assert counts(reply.text) == [1, 0, 0]
    assert "Only the admins" in (await group.ask("forget", ADA, reply_to=quote(other))).text
    assert await group.texts() == ["of Ben"]
    group.loopback.platform.can_administer = True
    assert counts((await group.ask("forget", ADA, reply_to=quote(other))).text) == [1, 0, 0]
    assert await group.kept() == []
    await group.send(mine)
    assert await group.kept() == [], "it is not taken in again"


async def test_only_admins_forget_messages_without_a_sender(group: Group) -> None:
    message = await group.say("by nobody", ADA)
    group.loopback.platform.can_administer = False
    asked = replace(group.write(command="forget"), sender_id="")
    await group.send(replace(asked, reply_to=QuotedMessage(message.message_id)))
    assert "Only the admins" in group.answers(asked)[0].text


@pytest.mark.parametrize("person", [BEN, ADA], ids=["who asked", "whose voice it was"])
async def test_reply_is_forgotten_with_its_question(group: Group, person: str) -> None:
    group.loopback.platform.can_administer = False
    note = await group.speak(ADA)
    await group.ask("transcribe", BEN, reply_to=quote(note))
    job = (await group.loopback.store.jobs.history(group.chat))[0]
    sent = (await group.loopback.store.deliveries.parts(job.job_id))[0].platform_id
    ours = QuotedMessage(sent, sender_id="bot")
    assert "Only the admins" in (await group.ask("forget", EVE, reply_to=ours)).text
    assert counts((await group.ask("forget", person, reply_to=ours)).text) == [1, 1, 1]
    assert await group.loopback.store.jobs.find(job.job_id) is None
    assert (await group.ask("forget", BEN, reply_to=ours)).text == "Nothing was stored."


async def test_reply_after_a_chat_move_is_forgotten_with_its_question(group: Group) -> None:
    store, old = group.loopback.store, group.chat
    await group.ask("auto on", EVE)
    note, other = await group.speak(ADA), await group.speak(BEN)
    jobs = {job.message.message_id: job for job in await store.jobs.history(old)}
    job = jobs[note.message_id]
    group.chat = replace(old, chat_id="-100500")
    await store.chats.move(old, group.chat)
    assert job.reply and await store.jobs.redo(job.job_id, job.reply)
    group.loopback.worker.wake()
    await group.loopback.settle()
    sent = (await store.deliveries.parts(job.job_id))[0].platform_id
    assert counts((await group.ask("forget", ADA, reply_to=QuotedMessage(sent))).text) == [1, 1, 1]
    assert await store.jobs.find(job.job_id) is None
    assert await store.jobs.find(jobs[other.message_id].job_id)
    assert [kept.sender_id for kept in await group.kept()] == [BEN]


async def test_what_waits_since_before_a_chat_move_is_not_forgotten_with_another_reply(
    group: Group, clock: Clock
) -> None:
    """Its message has no id any more, like that of the reply."""
    store, old = group.loopback.store, group.chat
    answered = await group.send(group.write(ADA, command="help"))
    job = await store.jobs.of_message(old, answered.message_id)
    group.loopback.engine.failures = [EngineLocked("402")] * 3
    attachment = Attachment("1", duration_s=3.0)
    note = group.write(BEN, command="transcribe", attachment=attachment)
    waits = await group.loopback.inbox.accept(note)
    await clock.sleep(3)
    group.chat = replace(old, chat_id="-100500")
    await store.chats.move(old, group.chat)
    assert waits and job and job.reply and await store.jobs.redo(job.job_id, job.reply)
    group.loopback.worker.wake()
    await clock.sleep(1)
    sent = (await store.deliveries.parts(job.job_id))[0].platform_id
    assert counts((await group.ask("forget", ADA, reply_to=QuotedMessage(sent))).text) == [1, 1, 0]
    found = await store.jobs.find(waits.job_id)
    assert found and found.reply and found.reply.quote == "call 4"


async def test_forget_me_deletes_the_senders_data_in_this_chat_only(
    group: Group, tmp_path: Path
) -> None:
    other = Group(group.loopback, Chat("test", "1", "-200"))
    await other.ask("remember on", EVE)
    await other.say("elsewhere", ADA)
    await group.say("mine", ADA)
    note = await group.speak(ADA)
    await group.say("of Ben", BEN)
    await group.ask("transcribe", BEN, reply_to=quote(note))
    await group.ask("help", ADA)
    reply = await group.ask("forget me", ADA)
    # Two messages, Ben's question about the note, and /help; three answers to these.
    assert counts(reply.text) == [4, 3, 1]
    assert "30 days" in reply.text
    assert await group.texts() == ["of Ben"]
    assert await other.texts() == ["elsewhere"]
    assert ask_database(tmp_path, "SELECT * FROM transcripts") == []
    assert counts((await group.ask("forget me", ADA)).text) == [1, 1, 0], "the receipt itself"
    senders = {job.message.sender_id for job in await group.loopback.store.jobs.history(group.chat)}
    assert senders == {ADA, EVE}, "hers is the job that forgot"


async def test_forgotten_message_is_not_answered_again_when_redelivered(group: Group) -> None:
    private = Group(group.loopback, Chat("test", "1", ADA), is_private=True)
    note = await private.speak(ADA)
    await private.ask("forget me", ADA)
    sent = len(group.loopback.platform.sent)
    await private.send(note)
    assert len(group.loopback.platform.sent) == sent


async def test_forget_without_a_reply_shows_how(group: Group) -> None:
    assert "/forget me" in (await group.ask("forget", ADA)).text


@pytest.mark.finding(3)
@pytest.mark.parametrize("is_all", [False, True], ids=["a note", "me"])
async def test_a_note_that_waits_is_forgotten_before_it_is_transcribed(
    group: Group, clock: Clock, tmp_path: Path, *, is_all: bool
) -> None:
    """The operator has to top up the account first: until then the job is kept, but not now."""
    loopback, other = group.loopback, group.write(BEN, command="say", text="of Ben")
    loopback.engine.failures = [EngineLocked("402")] * 3
    note = group.write(ADA, command="transcribe", attachment=Attachment("1", duration_s=3.0))
    about = group.write(BEN, command="transcribe", reply_to=quote(note))
    for message in (note, about, other):
        await loopback.inbox.accept(message)
    await clock.sleep(3)
    quoted = None if is_all else quote(note)
    asks = group.write(ADA, command="forget", text="me" * is_all, reply_to=quoted)
    await group.send(asks)
    assert counts(group.answers(asks)[0].text)[0] == 2
    assert group.answers(note) == []
    assert group.answers(about) == [Reply(DELETED)]
    assert group.answers(other), "of somebody else, about something else"
    jobs = await loopback.store.jobs.history(group.chat)
    assert "transcribe" not in {job.command for job in jobs}, "nothing of them is kept"
    assert ask_database(tmp_path, "SELECT * FROM transcripts") == []


@pytest.mark.finding(3)
async def test_a_call_under_way_is_interrupted_by_forgetting(group: Group, clock: Clock) -> None:
    group.loopback.engine.latency_s = 80.0
    note = group.write(ADA, command="transcribe", attachment=Attachment("1", duration_s=3.0))
    await group.loopback.inbox.accept(note)
    await clock.sleep(25)
    begun_s = clock.monotonic()
    reply = await group.ask("forget me", ADA)
    assert clock.monotonic() - begun_s < 5 and counts(reply.text) == [1, 0, 0]
    assert group.answers(note) == [] and group.loopback.engine.at_once == 0
    jobs = await group.loopback.store.jobs.history(group.chat)
    assert "transcribe" not in {job.command for job in jobs}


async def test_what_comes_in_after_forget_me_is_answered(group: Group, clock: Clock) -> None:
    """Also if both were sent while the bot was away."""
    asks, note = group.write(ADA, command="forget", text="me"), group.write(ADA)
    note = replace(note, command="transcribe", attachment=Attachment("1", duration_s=3.0))
    begun_s = clock.monotonic()
    for message in (asks, note):
        await group.loopback.inbox.accept(message)
    await group.loopback.settle()
    assert group.answers(asks) and clock.monotonic() - begun_s < 5
    assert [reply.quote for reply in group.answers(note)] == ["call 1"]


@pytest.mark.finding(30)
async def test_a_receipt_names_only_what_there_was(group: Group) -> None:
    mine = await group.say("mine", ADA)
    receipt = (await group.ask("forget", ADA, reply_to=quote(mine))).text
    assert receipt.splitlines()[0] == "Deleted: 1 message."


def test_what_was_deleted_is_a_list_in_the_reader_s_language() -> None:
    counts = [Plural("{count} person", "{count} people", count) for count in (1, 0, 3)]
    assert [list_counts(counts, one) for one in ("en", "de", "zh-CN")] == [
        "1 person, 3 people", "1 person, 3 people", "1 人、3 人",
    ]  # fmt: skip
