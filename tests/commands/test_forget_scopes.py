"""/forget me, /forget me everywhere and /forget chat: who may, what goes, and what stays."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select

from core.clock import Clock
from core.commands.deletion import DELETED, TEXT_DELETED
from core.errors import EngineLocked
from core.interfaces import Platform
from core.models import Attachment, Chat, ChatSettings, QuotedMessage, Reply
from core.store import Store
from core.store.database.schema import uses
from core.store.database.tables import transcripts
from core.store.operations.statistics import Statistics
from tests.support.group_talk import ADA, BEN, EVE, NAMES, Group, quote
from tests.support.loopback import run_loopback
from tests.support.stored_rows import mentions, read_rows

#: Ada's account on another platform.
THERE = "77"
NOTE = Attachment("file-1", duration_s=3.0)


@pytest.fixture
async def group(group: Group) -> Group:
    await group.ask("remember on", EVE)
    return group


@pytest.fixture
def other(group: Group) -> Group:
    return Group(group.loopback, Chat("test", "1", "-200"))


@pytest.fixture
def private(group: Group) -> Group:
    return Group(group.loopback, Chat("test", "1", ADA), is_private=True)


async def test_everywhere_reaches_all_chats_and_the_account(
    group: Group, other: Group, private: Group
) -> None:
    await other.ask("remember on", EVE)
    for place in (group, other):
        await place.say("mine", ADA)
        await place.say("of Ben", BEN)
    await private.ask("style warm", ADA)
    await private.ask("language de", ADA)
    reply = await group.ask("forget me everywhere", ADA)
    assert "5 messages" not in reply.text and "1 account" in reply.text
    assert await group.texts() == await other.texts() == ["of Ben"]
    store = group.loopback.store
    assert (await store.voices.choice("test", ADA)).style == ""
    assert (await store.chats.settings(private.chat)).language is None, "her chat is hers"
    assert await store.jobs.history(private.chat) == []


@pytest.mark.parametrize("is_purged", [False, True])
@pytest.mark.parametrize("chat_id", [ADA, f"{ADA}-second", f"user:{ADA}", "555"])
@pytest.mark.parametrize("asks_in", ["private", "group"])
async def test_everywhere_resets_private_chats(
    group: Group, clock: Clock, chat_id: str, asks_in: str, *, is_purged: bool
) -> None:
    """Also if nobody has written there for so long that no request is left."""
    private = Group(group.loopback, Chat("test", "1", chat_id), is_private=True)
    group.loopback.platform.private_chats[ADA] = private.chat
    await private.ask("style chat canary style", ADA)
    await private.ask("language fr", ADA)
    store = group.loopback.store
    if is_purged:
        for days in (0, 31):
            await store.retention.purge(clock.now() + timedelta(days=days))
        assert await store.jobs.history(private.chat) == []
    place = private if asks_in == "private" else group
    receipt = await place.ask("forget me everywhere", ADA)
    assert "1 set of settings" in receipt.text
    assert await store.chats.settings(private.chat) == ChatSettings()


async def test_everywhere_resets_the_private_chat_of_a_linked_account(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_loopback(store) as loopback:
        platforms = cast(dict[str, Platform], loopback.inbox.platforms)
        platforms["other"] = platforms["test"]
        monkeypatch.setitem(NAMES, THERE, "Ada")
        here = Group(loopback, Chat("test", "1", ADA), is_private=True)
        there = Group(loopback, Chat("other", "1", "555"), is_private=True)
        loopback.platform.private_chats[THERE] = there.chat
        await there.ask("style chat canary style", THERE)
        given = await here.ask("link", ADA)
        [code] = given.spans
        await there.ask(given.text[code.start : code.end].removeprefix("/"), THERE)
        for days in (0, 31):
            await store.retention.purge(clock.now() + timedelta(days=days))
        assert "1 set of settings" in (await here.ask("forget me everywhere", ADA)).text
        assert await store.chats.settings(there.chat) == ChatSettings()


async def test_what_is_for_all_chats_stays_after_forgetting_one(private: Group) -> None:
    await private.ask("style warm", ADA)
    reply = await private.ask("forget me", ADA)
    assert "/forget me everywhere deletes that, too" in reply.text
    assert (await private.loopback.store.voices.choice("test", ADA)).style == "warm"


@pytest.mark.parametrize("scope", ["me", "me everywhere"])
async def test_a_style_of_the_chat_goes_with_who_has_typed_it(group: Group, scope: str) -> None:
    store = group.loopback.store
    await group.ask("style chat canary style", ADA)
    assert "canary style" in (await group.ask("style", BEN)).text
    assert "1 set of settings" in (await group.ask(f"forget {scope}", ADA)).text
    assert [*mentions(await read_rows(store), "canary")] == []
    await group.ask("style chat of Ben", BEN)
    assert "settings" not in (await group.ask(f"forget {scope}", ADA)).text
    assert (await store.chats.settings(group.chat)).speech.style == "of Ben"


async def test_lists_of_what_people_have_made_go_with_it(group: Group) -> None:
    await group.ask("auto on", EVE)
    await group.speak(ADA)
    sent = QuotedMessage(f"sent-{len(group.loopback.platform.sent)}")
    await group.say("call = canary", ADA, reply_to=sent)
    await group.press(await group.ask("voice design canary voice", ADA), "Keep A", ADA)
    for command in ("glossary", "voice", "voice list", "voice canary voice"):
        assert "canary" in repr(await group.ask(command, BEN)), command
    await group.ask("voice off", BEN)
    await group.ask("forget me", ADA)
    assert [*mentions(await read_rows(group.loopback.store), "canary")] == []


async def test_an_opt_out_outlasts_everything(group: Group) -> None:
    await group.ask("style warm", ADA)
    await group.ask("remember me off", ADA)
    reply = await group.ask("forget me everywhere", ADA)
    assert "That you have opted out is kept" in reply.text
    assert await group.loopback.store.memory.is_opted_out("test", ADA)


@pytest.mark.parametrize("words", ["me now", "me everywhere now", "you"])
async def test_other_words_delete_nothing(group: Group, words: str) -> None:
    await group.say("mine", ADA)
    assert "/forget me everywhere" in (await group.ask(f"forget {words}", ADA)).text
    assert await group.texts() == ["mine"]


async def test_the_whole_chat_goes_once_an_admin_has_confirmed_it(
    group: Group, other: Group
) -> None:
    await other.ask("remember on", EVE)
    for place in (group, other):
        await place.say("of Ben", BEN)
    asked = await group.ask("forget chat", EVE)
    assert await group.texts() == ["of Ben"], "nothing goes before the button is pressed"
    reply = await group.press(asked, "Delete everything", EVE)
    assert "Deleted: " in reply.text and "no history is kept" in reply.text
    assert (await group.kept(), await other.texts()) == ([], ["of Ben"])
    store = group.loopback.store
    assert (await store.chats.settings(group.chat)).talk.remember_days is None
    assert {job.command for job in await store.jobs.history(group.chat)} == {"forget"}


async def test_only_admins_forget_the_whole_chat(group: Group) -> None:
    await group.say("of Ben", BEN)
    asked = await group.ask("forget chat", EVE)
    group.loopback.platform.can_administer = False
    assert "Only the admins" in (await group.ask("forget chat", BEN)).text
    # Whoever was an admin then is asked again.
    for person in (BEN, EVE):
        assert "Only the admins" in (await group.press(asked, "Delete everything", person)).text
    assert await group.texts() == ["of Ben"]


async def test_the_button_works_once_and_not_for_long(group: Group, clock: Clock) -> None:
    asked = await group.ask("forget chat", EVE)
    await clock.sleep(timedelta(minutes=11).total_seconds())
    await group.say("of Ben", BEN)
    assert "has expired" in (await group.press(asked, "Delete everything", EVE)).text
    asked = await group.ask("forget chat", EVE)
    await group.press(asked, "Delete everything", EVE)
    await group.ask("remember on", EVE)
    await group.say("later", BEN)
    await group.press(asked, "Delete everything", EVE)
    assert await group.texts() == ["later"]


async def test_who_types_what_the_button_says_is_asked_to_press_it(group: Group) -> None:
    await group.say("of Ben", BEN)
    reply = await group.ask("forget chat now", EVE)
    assert [button.label for button in reply.buttons] == ["Delete everything"]
    assert await group.texts() == ["of Ben"]


@pytest.mark.parametrize("words", ["me", "me everywhere"])
async def test_a_call_that_others_share_is_not_kept(group: Group, clock: Clock, words: str) -> None:
    """Ben has asked for a transcript of her note: both wait for the same call."""
    loopback = group.loopback
    await group.ask("auto on", EVE)
    loopback.engine.latency_s = 60.0
    note = group.write(ADA, attachment=NOTE)
    about = group.write(BEN, command="transcribe", reply_to=quote(note))
    for message in (note, about):
        await loopback.inbox.accept(message)
    await clock.sleep(10)
    assert loopback.engine.at_once == 1
    await group.ask(f"forget {words}", ADA)
    assert loopback.engine.at_once == 0
    assert group.answers(about) == [Reply(DELETED)]
    await clock.sleep(300)
    store = loopback.store
    for table in (transcripts, uses):
        assert not await store._database.rows(select(table))


async def test_a_note_in_another_chat_is_stopped_too(
    group: Group, other: Group, clock: Clock
) -> None:
    group.loopback.engine.latency_s = 60.0
    await other.ask("auto on", EVE)
    note = other.write(ADA, attachment=NOTE)
    await group.loopback.inbox.accept(note)
    await clock.sleep(10)
    for words, at_once in (("me", 1), ("me everywhere", 0)):
        await group.loopback.inbox.accept(group.write(ADA, command="forget", text=words))
        await clock.sleep(5)
        assert group.loopback.engine.at_once == at_once, words
    await group.loopback.settle()
    assert other.answers(note) == []


async def test_what_waits_about_words_of_hers_is_not_answered(group: Group, clock: Clock) -> None:
    group.loopback.answerer.failures = [EngineLocked("402")] * 3
    words = group.write(ADA, text="Really?")
    translation = group.write(BEN, command="translate", reply_to=quote(words))
    await group.loopback.inbox.accept(translation)
    await clock.sleep(3)
    await group.ask("forget me", ADA)
    assert group.answers(translation) == [Reply(TEXT_DELETED)]


async def test_answers_and_sounds_go_unless_somebody_else_has_them(group: Group) -> None:
    loopback = group.loopback
    for person in (ADA, BEN):
        await group.ask("say the same words", person)
    await group.ask("say my words", ADA)
    await group.ask("ask what is a transcript?", ADA)
    reply = await group.ask("forget me", ADA)
    assert "1 answer, 1 spoken text" in reply.text
    spoken = len(loopback.synthesizer.utterances)
    await group.ask("say the same words", BEN)
    assert len(loopback.synthesizer.utterances) == spoken, "what Ben was given is his"


async def test_what_is_made_from_a_reply_goes_with_it(group: Group) -> None:
    await group.ask("auto on", EVE)
    note = await group.speak(ADA)
    transcript = group.answers(note)[-1]
    await group.press(transcript, "Listen", BEN)
    sent = QuotedMessage(f"sent-{len(group.loopback.platform.sent) - 1}", "call 1")
    await group.say("what does it mean?", BEN, reply_to=sent)
    found = await group.ask("find call", BEN)
    assert "call 1" in found.text
    await group.ask("summary since yesterday", BEN)
    await group.ask("forget me", ADA)
    left = await group.loopback.store.jobs.history(group.chat)
    assert sorted(job.command for job in left) == ["auto", "forget", "remember"]


async def test_a_forward_of_hers_goes_from_others_chats(group: Group) -> None:
    bens = Group(group.loopback, Chat("test", "1", BEN), is_private=True)
    await bens.say("forwarded", BEN, forwarded_from="Ada", origin_id=ADA)
    await bens.speak(BEN, forwarded_from="Ada", origin_id=ADA)
    await bens.say("of Eve", BEN, forwarded_from="Eve", origin_id=EVE)
    await group.ask("forget me everywhere", ADA)
    assert await bens.texts() == ["of Eve"]
    left = await group.loopback.store.jobs.history(bens.chat)
    assert {job.message.origin_id for job in left} == {EVE}


async def test_the_chart_still_counts_what_was_forgotten(group: Group, clock: Clock) -> None:
    await group.ask("help", ADA)
    await group.ask("say", ADA)
    store, hour = group.loopback.store, timedelta(hours=1)

    async def ended() -> dict[str, int]:
        # Each time a new look: past hours are kept.
        hours = await Statistics(store._database).hours(clock.now() + hour)
        return {state: count for one in hours for state, count in one.ended.items()}

    before = await ended()
    await store.forgetting.forget_person(group.chat, ADA)
    assert await ended() == before and "cancelled" not in before
