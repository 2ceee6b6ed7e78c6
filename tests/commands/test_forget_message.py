"""/forget as a reply to one message: what was made from it goes with it, and nothing else."""

from __future__ import annotations

import pytest

from core.clock import Clock
from core.commands.deletion import TEXT_DELETED
from core.models import Chat, Message, QuotedMessage, Reply
from core.store.database.tables import jobs
from tests.support.group_talk import ADA, BEN, EVE, Group, quote
from tests.support.stored_rows import mentions, read_rows

ANSWER = "- canary answer [1]"


@pytest.fixture
async def group(group: Group) -> Group:
    await group.ask("remember on", EVE)
    group.loopback.answerer.scripts = {"": ANSWER}
    return group


@pytest.fixture
async def said(group: Group) -> Message:
    """A text of Ada's, before one of Ben's."""
    message = await group.say("canary words", ADA)
    await group.say("of Ben", BEN)
    return message


async def left(group: Group) -> list[str]:
    return [*mentions(await read_rows(group.loopback.store), "canary")]


async def forget(group: Group, message: Message) -> str:
    """Let Ada forget a message, and return the receipt."""
    quoted = QuotedMessage(message.message_id, sender_id=ADA)
    return (await group.ask("forget", ADA, reply_to=quoted)).text


@pytest.mark.parametrize("command", ["find words", "summary since yesterday", "summary voice"])
async def test_searches_and_summaries_go_with_a_text(
    group: Group, said: Message, command: str
) -> None:
    await group.ask(command, BEN)
    assert len(await left(group)) > 1
    assert (await forget(group, said)).startswith("Deleted: 2 messages, 1 reply")
    assert await left(group) == []
    assert await group.texts() == ["of Ben"]


@pytest.mark.parametrize("command", ["ask what?", "translate de", "say"])
async def test_what_was_asked_about_a_text_goes_with_it(
    group: Group, said: Message, command: str
) -> None:
    await group.ask(command, BEN, reply_to=quote(said))
    assert (await forget(group, said)).startswith("Deleted: 2 messages, 1 reply")
    assert await left(group) == []


async def test_a_question_about_a_text_that_is_under_way_ends(
    group: Group, said: Message, clock: Clock
) -> None:
    group.loopback.answerer.latency_s = 30.0
    asked = group.write(BEN, command="ask", text="what?", reply_to=quote(said))
    await group.loopback.inbox.accept(asked)
    await clock.sleep(3)
    await forget(group, said)
    assert group.answers(asked) == [Reply(TEXT_DELETED)]
    assert await left(group) == []


async def test_a_summary_under_way_is_made_without_it(
    group: Group, said: Message, clock: Clock
) -> None:
    answerer = group.loopback.answerer
    answerer.latency_s, answerer.scripts = 30.0, {"canary": ANSWER, "": "- Ben was there [1]"}
    asked = group.write(BEN, command="summary", text="since yesterday")
    await group.loopback.inbox.accept(asked)
    await clock.sleep(3)
    await forget(group, said)
    [summary] = group.answers(asked)
    assert "Ben was there" in summary.text and await left(group) == []


async def test_what_is_about_other_messages_stays(group: Group, said: Message) -> None:
    group.loopback.answerer.scripts = {"": "- of Ben [1]"}
    [_, bens] = await group.kept()
    for command in ("find ben", "summary 1"):
        assert (await group.ask(command, BEN)).sources == (bens.message_id,)
    note = await group.speak(EVE)
    await group.ask("transcribe", BEN, reply_to=quote(note))
    # It has the note, too.
    await group.ask("summary since yesterday", BEN)
    assert (await forget(group, said)).startswith("Deleted: 2 messages, 1 reply")
    kept = {job.command for job in await group.loopback.store.jobs.history(group.chat)}
    assert kept >= {"find", "summary", "transcribe", "note"}
    assert any(table == "transcripts" for table, _ in await read_rows(group.loopback.store))


async def test_a_reply_that_has_lost_its_message_id_takes_nothing_along(group: Group) -> None:
    """The chat has moved since: what quotes nothing is not about it."""
    store, old = group.loopback.store, group.chat
    answered = await group.send(group.write(ADA, command="help"))
    job = await store.jobs.of_message(old, answered.message_id)
    group.chat = Chat("test", "1", "-100500")
    await store.chats.move(old, group.chat)
    await group.ask("say of Ben", BEN)
    assert job and job.reply and await store.jobs.redo(job.job_id, job.reply)
    group.loopback.worker.wake()
    await group.loopback.settle()
    [part] = await store.deliveries.parts(job.job_id)
    receipt = await group.ask("forget", ADA, reply_to=QuotedMessage(part.platform_id))
    assert receipt.text.startswith("Deleted: 1 message, 1 reply.")
    rows = await store._database.rows(jobs.select().where(jobs.c.command == "say"))
    assert [row.error for row in rows] == [""]


@pytest.mark.parametrize("command", ["help", "style warm", "glossary", "summary", "find words"])
async def test_what_does_not_work_on_a_quoted_text_does_not_store_it(
    group: Group, said: Message, command: str
) -> None:
    await group.ask(command, BEN, reply_to=QuotedMessage(said.message_id, "as quoted", None, ADA))
    rows = await read_rows(group.loopback.store)
    assert [*mentions(rows, "as quoted")] == []
    await group.ask("translate de", BEN, reply_to=QuotedMessage("1", "as quoted"))
    assert [*mentions(await read_rows(group.loopback.store), "as quoted")]
