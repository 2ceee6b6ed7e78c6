"""Work under way that has read what is forgotten meanwhile begins anew, and finds it gone."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from core.clock import Clock
from core.commands.deletion import TEXT_DELETED
from core.errors import EngineBadReply, PlatformBusy, StoreError
from core.interfaces import DeliveryTarget
from core.models import Chat, QuotedMessage, Reply
from core.store.work.restarts import Settle
from tests.support.group_talk import ADA, BEN, EVE, Group
from tests.support.loopback import Loopback
from tests.support.stored_rows import read_rows
from tests.support.under_way import Secretive, begin, fill, left, texts

SCOPES = ("forget me", "forget me everywhere", "remember me off")


@pytest.fixture
async def group(group: Group) -> Group:
    return await fill(group)


@pytest.fixture
def bens(group: Group) -> Group:
    return Group(group.loopback, Chat("test", "1", BEN), is_private=True)


@pytest.fixture
def adas(group: Group) -> Group:
    return Group(group.loopback, Chat("test", "1", ADA), is_private=True)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_summary_under_way_begins_anew(group: Group, clock: Clock, scope: str) -> None:
    asked = await begin(group, clock, "summary since yesterday")
    assert "canary" in str(group.loopback.answerer.questions)
    receipt = await group.ask(scope, ADA)
    assert "Deleted: 1 message" in receipt.text
    [summary] = texts(group, asked)
    assert "Ben was there" in summary and "canary" not in summary
    assert await left(group) == []
    assert len(group.loopback.answerer.questions) == 2


@pytest.mark.parametrize("command", ["summary since yesterday", "find words"])
@pytest.mark.parametrize("scope", ["forget me everywhere", "remember me off"])
async def test_what_waits_to_be_sent_is_made_again(
    group: Group, adas: Group, clock: Clock, command: str, scope: str
) -> None:
    group.loopback.answerer.latency_s = 0.0
    group.loopback.platform.failures = [PlatformBusy("x", retry_after_s=60.0)]
    asked = await begin(group, clock, command)
    assert any("canary" in place for place in await left(group) if place.startswith("jobs.reply"))
    await adas.ask(scope, ADA)
    expected = {"summary": "Ben was there", "find": "Nothing found"}[command.split()[0]]
    [shown] = texts(group, asked)
    assert expected in shown and "canary" not in shown
    assert await left(group) == []


async def test_what_was_sent_already_is_edited(
    group: Group, adas: Group, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, deliver = group.loopback.platform, group.loopback.platform.deliver

    async def deliver_slowly(target: DeliveryTarget, reply: Reply) -> None:
        await deliver(target, reply)
        if "canary" in reply.text:
            await clock.sleep(60)

    monkeypatch.setattr(platform, "deliver", deliver_slowly)
    group.loopback.answerer.latency_s = 0.0
    asked = await begin(group, clock, "summary since yesterday")
    await adas.ask("forget me everywhere", ADA)
    shown = [*texts(group, asked)]
    assert ["canary" in text for text in shown] == [True, False]
    assert len(platform.edited) == 1
    assert await left(group) == []


async def test_a_digest_under_way_begins_anew(group: Group, clock: Clock) -> None:
    await group.ask("digest 09:00 UTC", EVE)
    while not group.loopback.answerer.questions:
        await clock.sleep(30)
    await group.ask("forget me", ADA)
    [digest] = [reply.text for _, reply in group.loopback.platform.sent if "· " in reply.text]
    assert "Ben was there" in digest and "canary" not in digest
    assert await left(group) == []


async def test_a_note_that_a_summary_transcribes_is_not_kept(group: Group, clock: Clock) -> None:
    engine, answerer = group.loopback.engine, group.loopback.answerer
    answerer.latency_s, engine.text = 0.0, "canary spoken"
    engine.failures = [EngineBadReply("x")] * 5
    await group.speak(ADA)
    engine.latency_s = 30.0
    asked = await begin(group, clock, "summary since yesterday")
    assert engine.at_once == 1
    await group.ask("forget me", ADA)
    assert engine.at_once == 0 and "Ben was there" in "".join(texts(group, asked))
    assert await left(group) == []


async def test_what_others_said_need_not_be_transcribed_again(group: Group, clock: Clock) -> None:
    engine = group.loopback.engine
    engine.failures = [EngineBadReply("x")] * 5
    await group.speak(BEN)
    engine.calls.clear()
    await begin(group, clock, "summary since yesterday")
    await group.ask("forget me", ADA)
    assert len(engine.calls) == 1
    assert any(place.startswith("transcripts") for place in [
        f"{table}.content" for table, _ in await read_rows(group.loopback.store)
    ])  # fmt: skip


async def test_a_question_about_the_last_recording_begins_anew(group: Group, clock: Clock) -> None:
    group.loopback.engine.text = "canary spoken"
    await group.speak(ADA)
    group.loopback.answerer.scripts = {"": "canary answer"}
    asked = await begin(group, clock, "ask what was said?")
    group.loopback.answerer.scripts = {"": "no recording"}
    await group.ask("forget me", ADA)
    assert [*texts(group, asked)] == ["no recording"]
    assert await left(group) == []


@pytest.mark.parametrize("scope", ["me", "me everywhere", "chat"])
async def test_a_private_summary_of_the_group_begins_anew(
    group: Group, bens: Group, clock: Clock, scope: str
) -> None:
    offered = await group.ask("summary me since yesterday", BEN)
    [button] = offered.buttons
    pressed = bens.write(BEN, button=button.token)
    await group.loopback.inbox.accept(pressed)
    await clock.sleep(5)
    asked = group.write(EVE if scope == "chat" else ADA, command="forget", text=scope)
    await group.loopback.inbox.accept(asked)
    await clock.sleep(5)
    [receipt], expected = group.answers(asked), "Ben was there"
    if scope == "chat":
        await group.press(receipt, "Delete everything", EVE)
        expected = TEXT_DELETED  # the offer was the group's
    await group.loopback.settle()
    assert expected in "".join(texts(bens, pressed))
    assert await left(group) == []


async def test_work_about_other_chats_goes_on(group: Group, clock: Clock) -> None:
    other = Group(group.loopback, Chat("test", "1", "-200"))
    await other.ask("remember on", EVE)
    await other.say("of Eve", EVE)
    asked = await begin(other, clock, "summary since yesterday")
    about = await begin(group, clock, "ask what is this?", reply_to=QuotedMessage("1", "text"))
    await group.ask("forget me", ADA)
    assert texts(other, asked) and texts(group, about)
    assert len(group.loopback.answerer.questions) == 2, "each was asked once"


@pytest.mark.parametrize("scope", SCOPES)
async def test_nobody_can_keep_other_groups_from_their_summaries(
    group: Group, clock: Clock, scope: str
) -> None:
    """Who says nothing there has nothing there that a summary could have read."""
    elsewhere = Group(group.loopback, Chat("test", "1", "-200"))
    asked, (name, _, text) = (
        await begin(group, clock, "summary since yesterday"),
        scope.partition(" "),
    )
    for _ in range(7):
        await group.loopback.inbox.accept(elsewhere.write_as("66", "Mia", command=name, text=text))
        await clock.sleep(3)
    await group.loopback.settle()
    assert "canary" in "".join(texts(group, asked))
    assert len(group.loopback.answerer.questions) == 1


async def test_a_summary_from_a_message_on_is_made_without_it(group: Group, clock: Clock) -> None:
    [first, *_] = await group.kept()
    start = QuotedMessage(first.message_id, sender_id=ADA)
    asked = await begin(group, clock, "summary from here", reply_to=start)
    await group.ask("forget me", ADA)
    assert "Ben was there" in "".join(texts(group, asked))
    assert await left(group) == []


async def test_nobody_can_keep_a_summary_from_its_end_for_ever(group: Group, clock: Clock) -> None:
    """Each time it may cost something."""
    asked = await begin(group, clock, "summary since yesterday")
    while not group.answers(asked):
        await group.loopback.inbox.accept(group.write(ADA, command="forget", text="me"))
        await clock.sleep(9)
    await group.loopback.settle()
    assert [*texts(group, asked)] == [TEXT_DELETED]
    assert len(group.loopback.answerer.questions) <= 6


async def test_a_process_that_ends_meanwhile_keeps_nothing(
    group: Group, adas: Group, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends between the deletion and the interruption."""
    loopback = group.loopback
    asked = await begin(group, clock, "summary since yesterday")
    with monkeypatch.context() as patch:
        patch.setattr(loopback.store.restarts, "begin_anew", lambda *_: clock.sleep(999))
        await loopback.inbox.accept(adas.write(ADA, command="forget", text="me everywhere"))
        await clock.sleep(60)
        assert any("canary" in text for text in texts(group, asked))
        await loopback.worker.stop(grace_s=1.0)
    again = Loopback(loopback.store, loopback.engine, answerer=Secretive())
    async with again.running():
        await again.settle()
    assert await left(group) == []


async def test_what_waits_when_the_process_ends_meanwhile_is_made_again(
    group: Group, adas: Group, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt of the command finds nothing to delete any more."""
    loopback = group.loopback
    loopback.answerer.latency_s = 0.0
    loopback.platform.failures = [PlatformBusy("x", retry_after_s=600.0)]
    asked = await begin(group, clock, "summary since yesterday")
    with monkeypatch.context() as patch:
        patch.setattr(loopback.store.restarts, "begin_anew", lambda *_: clock.sleep(999))
        await loopback.inbox.accept(adas.write(ADA, command="forget", text="me everywhere"))
        await clock.sleep(20)
        await loopback.worker.stop(grace_s=1.0)
    again = Loopback(loopback.store, loopback.engine, answerer=Secretive())
    async with again.running():
        await again.settle()
    [shown] = [
        reply.quote + reply.text for to, reply in again.platform.sent if to == asked.message_id
    ]
    assert "Ben was there" in shown and "canary" not in shown


async def test_a_database_that_fails_meanwhile_leaves_no_job_behind(
    group: Group, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt, failures = group.loopback.store.restarts.interrupt, [StoreError("x")] * 2

    async def fail_twice(job_ids: Collection[str], settle: Settle) -> None:
        async def try_to(ids: Collection[str], ran: Collection[str]) -> None:
            if failures:
                raise failures.pop()
            await settle(ids, ran)

        await interrupt(job_ids, try_to)

    monkeypatch.setattr(group.loopback.store.restarts, "interrupt", fail_twice)
    asked = await begin(group, clock, "summary since yesterday")
    await group.ask("forget me", ADA)
    assert "Ben was there" in "".join(texts(group, asked)) and not failures
