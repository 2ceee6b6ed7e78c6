"""What other chats have of what is forgotten: summaries in private, what was forwarded, exports."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest
from sqlalchemy import select

from core.errors import EngineBadReply
from core.models import Chat, JobState, QuotedMessage, Reply
from core.privacy.export import JSON_NAME
from core.store.database.tables import jobs
from tests.support.group_talk import ADA, BEN, EVE, Group
from tests.support.stored_rows import mentions, read_rows

OF_ADA = "- canary words were said [1]"


@pytest.fixture
async def group(group: Group) -> Group:
    await group.ask("remember on", EVE)
    await group.say("canary words", ADA)
    await group.say("of Ben", BEN)
    group.loopback.answerer.scripts = {"canary": OF_ADA, "": "- Ben was there [1]"}
    return group


@pytest.fixture
def bens(group: Group) -> Group:
    return Group(group.loopback, Chat("test", "1", BEN), is_private=True)


async def read_in_private(group: Group, bens: Group, words: str = "since yesterday") -> Reply:
    """Return a summary of the group in Ben's private chat."""
    offered = await group.ask(f"summary me {words}", BEN)
    return await bens.press(offered, "Read in private", BEN)


async def forget(group: Group, scope: str) -> str:
    """Forget what Ada has said, and return the receipt."""
    if scope == "chat":
        asked = await group.ask("forget chat", EVE)
        return (await group.press(asked, "Delete everything", EVE)).text
    if scope == "message":
        [first, *_] = await group.kept()
        quoted = QuotedMessage(first.message_id, sender_id=ADA)
        return (await group.ask("forget", ADA, reply_to=quoted)).text
    return (await group.ask(f"forget {scope}", ADA)).text


async def left(group: Group) -> list[str]:
    return [*mentions(await read_rows(group.loopback.store), "canary")]


@pytest.mark.parametrize("scope", ["me", "me everywhere", "chat", "message"])
async def test_private_summaries_and_what_was_made_from_them_go(
    group: Group, bens: Group, scope: str
) -> None:
    summary = await read_in_private(group, bens)
    await bens.press(summary, "Listen", BEN)
    sent = QuotedMessage(f"sent-{len(group.loopback.platform.sent) - 1}", "canary words")
    await bens.ask("translate de", BEN, reply_to=sent)
    assert len([place for place in await left(group) if place.startswith("jobs.reply")]) > 1
    assert "Deleted: " in await forget(group, scope)
    assert await left(group) == []


async def test_those_from_before_the_group_moved_go_too(group: Group, bens: Group) -> None:
    await read_in_private(group, bens)
    old, group.chat = group.chat, replace(group.chat, chat_id="-100500")
    await group.loopback.store.chats.move(old, group.chat)
    await forget(group, "me")
    assert await left(group) == []


@pytest.mark.parametrize("scope", ["me", "chat", "message"])
async def test_what_is_not_about_it_stays(group: Group, bens: Group, scope: str) -> None:
    other = Group(group.loopback, Chat("test", "1", "-200"))
    await other.ask("remember on", EVE)
    await other.say("canary elsewhere", ADA)
    await read_in_private(other, bens)
    await bens.say("forwarded", BEN, forwarded_from="Ada", origin_id=ADA)
    await bens.ask("say of Ben", BEN)
    mine = await read_in_private(group, bens, "1")
    assert "Ben was there" in mine.text
    before = {job.job_id for job in await group.loopback.store.jobs.history(bens.chat)}
    await forget(group, scope)
    after = {job.job_id for job in await group.loopback.store.jobs.history(bens.chat)}
    assert len(before - after) == (scope == "chat"), "the summary of what he has said himself"
    assert await bens.texts() == ["forwarded"]


@pytest.mark.parametrize("scope", ["me", "me everywhere", "chat", "message"])
@pytest.mark.parametrize("is_private", [False, True])
async def test_what_a_failed_summary_has_paid_for_goes(
    group: Group, bens: Group, scope: str, *, is_private: bool
) -> None:
    """It does not say whose words it has."""
    group.loopback.synthesizer.failures = [EngineBadReply("x")] * 9
    words = "voice since yesterday"
    if is_private:
        await read_in_private(group, bens, words)
    else:
        await group.ask(f"summary {words}", BEN)
    assert JobState.DEAD in await group.loopback.settle()
    assert any(place.startswith("answers") for place in await left(group))
    await forget(group, scope)
    assert await left(group) == []


@pytest.mark.parametrize("scope", ["me", "me everywhere", "message"])
@pytest.mark.parametrize("is_failed", [False, True])
async def test_what_others_said_stays_transcribed_after_a_private_summary(
    group: Group, bens: Group, scope: str, *, is_failed: bool
) -> None:
    """The history that has it is the group's."""
    group.loopback.engine.failures = [EngineBadReply("x")] * 5
    await group.speak(BEN)
    group.loopback.engine.calls.clear()
    group.loopback.synthesizer.failures = [EngineBadReply("x")] * (9 * is_failed)
    await read_in_private(group, bens, "voice since yesterday")
    assert (await group.loopback.settle())[JobState.DEAD] == 1 + is_failed, "his note was dead, too"
    assert len(group.loopback.engine.calls) == 1
    await forget(group, scope)
    assert "transcripts" in {table for table, _ in await read_rows(group.loopback.store)}
    assert await left(group) == []


async def count_exported(group: Group) -> int:
    """Return how often the word is in stored archives."""
    rows = await group.loopback.store._database.rows(
        select(jobs.c.reply).where(jobs.c.command == "export", jobs.c.reply.is_not(None))
    )
    archives = [file.data for row in rows for file in row.reply.files]
    return sum(
        zipfile.ZipFile(io.BytesIO(one)).read(JSON_NAME).count(b"canary") for one in archives
    )


@pytest.mark.parametrize("scope", ["forget me everywhere", "remember me off"])
@pytest.mark.parametrize("is_spoken", [False, True])
async def test_an_export_goes_that_has_what_was_forwarded(
    group: Group, bens: Group, scope: str, *, is_spoken: bool
) -> None:
    forward = {"forwarded_from": "Ada", "origin_id": ADA}
    group.loopback.engine.text = "canary spoken"
    if is_spoken:
        await bens.speak(BEN, **forward)
    else:
        await bens.say("canary forwarded", BEN, **forward)
    assert (await bens.ask("export", BEN)).files and await count_exported(group)
    await group.ask(scope, ADA)
    assert await count_exported(group) == 0


async def test_an_export_without_it_stays_for_a_day(group: Group, bens: Group) -> None:
    await bens.say("of Eve", BEN, forwarded_from="Eve", origin_id=EVE)
    await bens.ask("export", BEN)
    await group.ask("forget me everywhere", ADA)
    [job, *_] = await group.loopback.store.jobs.history(bens.chat)
    assert job.reply and job.reply.files and EVE in job.reply.people
