"""What is remembered of the talk of a group."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.models import Chat, QuotedMessage, Segment, TalkRange, Transcript
from core.store import Store, migrate
from core.store.database.connections import Work
from core.store.database.tables import remembered
from tests.support.clean_start import ask_database, open_store
from tests.support.remembered_talk import CHAT, REMEMBERS, START, VOICE, say, silent, talk, texts


async def test_a_talk_comes_back_in_order_with_what_was_said(store: Store) -> None:
    quoted = QuotedMessage("1", "never kept twice")
    await talk(store, say(2, "second", reply_to=quoted, thread_id="5"), say(1, attachment=VOICE))
    heard = Transcript("hello", (Segment(0.0, 1.0, "hello"),), 1.0)
    await store.memory.save_transcript(CHAT, "1", heard)
    await store.memory.save_transcript(CHAT, "99", heard)
    first, second = await store.memory.select(CHAT, TalkRange())
    assert (first.message_id, first.transcript, first.attachment) == ("1", heard, VOICE)
    assert (second.text, second.reply_to, second.thread_id) == ("second", "1", "5")
    assert (second.sender_id, second.sender_name) == ("7", "Ada")
    assert second.sent_at == START + timedelta(minutes=2)
    assert await store.memory.message(CHAT, "1") == first
    assert await store.memory.message(CHAT, "3") is None


async def test_every_limit_of_a_span_holds(store: Store) -> None:
    at = [START + timedelta(minutes=n) for n in range(13)]
    kept = (n for n in range(1, 12) if n != 6)
    await talk(store, *(say(n, f"m{n}", thread_id="5" if n % 2 else None) for n in kept))
    assert await texts(store, count=2) == ["m10", "m11"]
    assert await texts(store, since_at=at[9]) == ["m9", "m10", "m11"]
    assert await texts(store, since_at=at[3], until_at=at[4]) == ["m3", "m4"]
    assert await texts(store, until_at=at[4], count=2) == ["m3", "m4"]
    assert await texts(store, thread_id="5", count=2) == ["m9", "m11"]
    assert await texts(store, thread_id="", since_at=at[8]) == ["m8", "m10"]
    assert await texts(store, from_id="9") == ["m9", "m10", "m11"]
    assert await texts(store, from_id="9", until_at=at[10]) == ["m9", "m10"]
    assert await texts(store, from_id="6", until_at=at[8]) == ["m7", "m8"], "it was not kept"
    assert await texts(store, from_id="12") == []


async def test_messages_of_one_second_stand_in_the_order_of_their_ids(store: Store) -> None:
    await talk(store, *(say(n, f"m{n}", sent_at=START) for n in (10, 9, 11, 100)))
    assert await texts(store) == ["m9", "m10", "m11", "m100"]
    assert await texts(store, from_id="10") == ["m10", "m11", "m100"]
    assert await texts(store, count=2) == ["m11", "m100"]


async def test_the_last_recording_of_a_topic(store: Store) -> None:
    notes = say(1, attachment=VOICE, thread_id="5"), say(2, attachment=VOICE)
    await talk(store, *notes, say(3, "words", thread_id="5"))
    last = [await store.memory.last_recording(CHAT, topic) for topic in ("5", None, "6")]
    assert [message and message.message_id for message in last] == ["1", "2", None]


async def test_how_far_people_have_read(store: Store) -> None:
    assert await store.memory.read_at(CHAT, "7") is None
    later = START + timedelta(hours=1)
    for moment in (START, later, START):
        await store.memory.note_read(CHAT, "7", moment)
    assert await store.memory.read_at(CHAT, "7") == later
    assert await store.memory.read_at(CHAT, "8") is None
    assert await store.memory.read_at(Chat("test", "1", "-200"), "7") is None


async def test_chats_never_mix(store: Store) -> None:
    places = [Chat("test", str(n % 3), f"-{n}") for n in range(8)]
    for n, place in enumerate(places):
        await talk(store, *(say(i, f"canary{n} word{i}", chat=place) for i in (1, 2)))
    for n, place in enumerate(places):
        assert await texts(store, place) == [f"canary{n} word1", f"canary{n} word2"]
        found = await store.memory.find(place, "canary", 50)
        assert {m.text.split()[0] for m in found} == {f"canary{n}"}
    await store.memory.forget(places[3], "1")
    assert await store.memory.forget_chat(places[4]) == 2
    assert (await store.forgetting.forget_person(places[5], "7")).messages == 2
    kept = [await store.memory.count(place) for place in places]
    assert kept == [2, 2, 2, 1, 0, 0, 2, 2]
    everywhere = store.forgetting.forget_everywhere
    assert (await everywhere({("test", "7")}, keeps_account=True)).messages == 11


async def test_a_person_who_opts_out_is_not_taken_in(store: Store) -> None:
    await talk(store, say(1, "before"), say(2, "of another", sender_id="8"))
    await store.memory.opt_out("test", "7", True)
    await store.forgetting.forget_everywhere({("test", "7")}, keeps_account=True)
    await talk(store, say(3, "after"), say(1, "before, edited", edit_id="5"))
    assert await store.memory.is_opted_out("test", "7")
    assert not await store.memory.is_opted_out("other", "7")
    assert await store.memory.opted_out("test", ["7", "8"]) == {"7"}
    assert await store.memory.opted_out("other", ["7"]) == set()
    assert await texts(store) == ["of another"]
    await store.memory.opt_out("test", "7", False)
    await talk(store, say(4, "back"))
    assert await texts(store) == ["of another", "back"]


async def test_what_was_remembered_moves_with_its_chat(store: Store) -> None:
    new = Chat("test", "1", "-100200")
    await talk(store, say(1, "of old"), say(2, "answer", reply_to=QuotedMessage("1")))
    await store.memory.note_read(CHAT, "7", START)
    for _ in range(2):
        await store.chats.move(CHAT, new)
    await talk(store, say(1, "of now", chat=new))
    kept = {m.text: m for m in await store.memory.select(new, TalkRange())}
    assert kept["answer"].reply_to == kept["of old"].message_id != "1"
    assert await store.memory.message(new, kept["of old"].message_id) == kept["of old"]
    assert sorted(await texts(store, new)) == ["answer", "of now", "of old"]
    assert await store.memory.read_at(new, "7") == START
    assert await texts(store) == []


async def test_whoever_read_in_both_chats_has_read_what_is_new(store: Store) -> None:
    new, later = Chat("test", "1", "-100200"), START + timedelta(hours=1)
    for chat, person, moment in ((CHAT, "7", START), (new, "7", later), (CHAT, "8", later)):
        await store.memory.note_read(chat, person, moment)
    await store.chats.move(CHAT, new)
    assert [await store.memory.read_at(new, person) for person in "78"] == [later, later]
    assert await store.memory.read_at(CHAT, "7") is None


async def rows_of(store: Store) -> list[tuple[object, ...]]:
    """Return what the table holds of each message: its id, and whether there is anything."""
    query = select(*(remembered.c[name] for name in ("message_id", "content", "transcript")))
    found = await store._database.rows(query.order_by(remembered.c.message_id))
    return [(row[0], row[1] is not None, row[2] is not None) for row in found]


async def test_a_message_that_was_deleted_takes_no_transcript(store: Store) -> None:
    await talk(store, say(1, attachment=VOICE), say(2, attachment=VOICE))
    assert await store.memory.forget(CHAT, "1")
    assert not await store.memory.forget(CHAT, "1"), "nothing of it was kept"
    for message_id in ("1", "2"):
        await store.memory.save_transcript(CHAT, message_id, Transcript("canary"))
    assert await rows_of(store) == [("1", False, False), ("2", True, True)]
    assert (await store.forgetting.forget_person(CHAT, "7")).messages == 1
    assert await rows_of(store) == [("1", False, False), ("2", False, False)]


async def test_only_a_chat_that_is_remembered_notes_what_it_is_not_to_take_in(store: Store) -> None:
    assert not await store.memory.forget(CHAT, "1")
    assert await rows_of(store) == []
    await store.chats.save_settings(CHAT, REMEMBERS)
    assert not await store.memory.forget(CHAT, "1")
    assert await rows_of(store) == [("1", False, False)]


@pytest.mark.parametrize("how", ["message", "person", "everywhere", "chat", "older"])
async def test_a_transcript_is_deleted_with_its_message(store: Store, how: str) -> None:
    other = Chat("test", "1", "-200")
    heard = Transcript("x")
    await talk(store, say(1, attachment=VOICE), say(1, chat=other, sender_id="8"))
    for chat, key in ((CHAT, "a"), (other, "b")):
        await store.results.save(key, heard)
        await store.results.save(f"{key}-piece", heard, whole=key)
        await store.memory.save_transcript(chat, "1", heard, key)
    assert await store.memory.forget_chat(CHAT, START + timedelta(minutes=1)) == 0, "not older"
    match how:
        case "message":
            await store.memory.forget(CHAT, "1")
        case "chat":
            assert await store.memory.forget_chat(CHAT) == 1
        case "older":
            assert await store.memory.forget_chat(CHAT, START + timedelta(minutes=2)) == 1
        case "person":
            await store.forgetting.forget_person(CHAT, "7")
        case _:
            await store.forgetting.forget_everywhere({("test", "7")}, keeps_account=False)
    found = [await store.results.find(key) for key in ("a", "a-piece", "b", "b-piece")]
    assert found == [None, None, heard, heard]


NUMBERS = st.integers(1, 3)


@settings(max_examples=10)
@given(st.lists(st.tuples(NUMBERS, st.none() | st.integers(0, 3)), max_size=15))
def test_edits_and_deletions_hold_in_whatever_order(steps: list[tuple[int, int | None]]) -> None:
    """A step is the number of a message and which edit of it comes; none is its deletion."""
    gone = {number for number, edit in steps if edit is None}
    newest = {n: max(e for other, e in steps if other == n and e is not None)
              for n in sorted({n for n, _ in steps} - gone)}  # fmt: skip

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(Path(folder))
            await store.chats.save_settings(CHAT, REMEMBERS)
            for number, edit in steps:
                if edit is None:
                    await store.memory.forget(CHAT, str(number))
                else:
                    edit_id = str(1_700_000_000 + edit) if edit else ""
                    await talk(store, say(number, f"m{number} e{edit}", edit_id=edit_id))
            assert await texts(store) == [f"m{n} e{edit}" for n, edit in newest.items()]
            await store.close()

    asyncio.run(run())


async def test_each_message_costs_one_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.chats.save_settings(CHAT, REMEMBERS)
    write, begun = store._database.write, []

    def counted(work: Work[object]) -> object:
        begun.append(1)
        return write(work)

    monkeypatch.setattr(store._database, "write", counted)
    for n in range(5):
        quoted = QuotedMessage(str(n)) if n % 2 else None
        assert await store.intake.add(say(n, "words", reply_to=quoted), silent) is None
    assert len(begun) == 5


async def test_what_was_kept_of_private_threads_goes_with_the_update(tmp_path: Path) -> None:
    """Which threads were private is not known, but those that began with a message were not."""
    url = f"sqlite:///{tmp_path / 'hearsay.db'}"
    await migrate(url, None, "0020")
    add_chat = "INSERT INTO chats (platform, bot_id, chat_id, address) VALUES (?, '1', '5', '')"
    add_message = (
        "INSERT INTO remembered (chat_pk, message_id, thread_id, sender_id, sent_at, edit_id,"
        " content) SELECT chat_pk, ?, ?, '', '2029-01-01 00:00:00.000000', '', 'said' FROM chats"
    )
    for platform in ("discord", "telegram"):
        ask_database(tmp_path, add_chat, platform)
    for message_id, thread_id in (("1", None), ("2", "1"), ("3", "777"), ("4", "777")):
        ask_database(tmp_path, add_message, message_id, thread_id)
    await migrate(url, None)
    kept = "SELECT platform, message_id FROM remembered NATURAL JOIN chats WHERE content = 'said'"
    on_discord = [("discord", "1"), ("discord", "2")]
    on_telegram = [("telegram", number) for number in "1234"]
    assert sorted(ask_database(tmp_path, kept)) == on_discord + on_telegram
