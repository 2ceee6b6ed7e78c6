"""After /forget and an opt-out, no row and no byte on disk holds what a person said or asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table

from core.clock import Clock
from core.errors import PlatformBusy
from core.models import QuotedMessage
from core.privacy.periods import PERIODS
from core.store.database.encryption import Encrypted, KeyedId
from core.store.database.schema import objects
from core.store.database.tables import metadata
from tests.support.filled_chats import FilledChats, fill_as_ada, fill_chats, open_world
from tests.support.full_chats import ADA, DISCORD, EVE, IMPERSONAL, TELEGRAM, World
from tests.support.stored_rows import Rows, mentions

#: Tables that /forget leaves on purpose -> how the receipt names what is in them.
STAYS = {
    "budget_uses": "how much you have used, without your id (62 days)",
    "budgets": "a budget of your own",
    "admissions": "what the operator has decided",
    "audit": "or done about you",
}
#: Voices, styles, corrections and digests are no messages: an opt-out leaves them.
ACCOUNT = (
    *("people.speech", "people.address", "voices.content", "objects.of_voice"),
    *("chats.talk", "chats.speech", "chats.address", "chats.subject", "schedules.content"),
)


@pytest.fixture(params=["rows", "outside"], scope="module")
def filled(request: pytest.FixtureRequest) -> FilledChats:
    """Chats in which everything was used, with the sound in the database or outside."""
    return fill_chats(is_outside=request.param == "outside")


@pytest.fixture
async def world(filled: FilledChats, tmp_path: Path) -> AsyncIterator[World]:
    """The chats of a program that was started after everything had been used."""
    async with filled.open(tmp_path) as world:
        yield world


@pytest.fixture
def before(filled: FilledChats) -> Rows:
    """The rows that Ada's use of everything has made or changed."""
    return filled.rows


def is_request(place: str) -> bool:
    """Return whether a place is the message that asked for the deletion."""
    return "text='me everywhere'" in place or "text='me off'" in place


def find_ids(world: World, rows: Rows) -> set[str]:
    """Return the columns that have a digest of an id of Ada's, but for the jobs of her orders."""
    cipher, found = world.store._database.cipher, set()
    names = [name for on, one in ADA.items() for name in (one, f"{on}|{one}")]
    orders = {key[1] for key, (values, _) in rows.items() if is_request(repr(values))}
    for (table, _), (values, _) in rows.items():
        for column, value in values.items():
            if column not in metadata.tables[table].columns:
                continue
            kind = metadata.tables[table].columns[column].type
            digests = [
                cipher.digest(kind.kind, name) for name in names if isinstance(kind, KeyedId)
            ]
            if value in digests and not (table == "jobs" and (values["message_pk"],) in orders):
                found.add(f"{table}.{column}")
    return found


def check_bytes(world: World, before: Rows, after: Rows) -> None:
    """Check that no file holds a value of a row that is gone or has changed."""
    data = world.read_files()
    for key, (_, stored) in before.items():
        table: Table = metadata.tables[key[0]]
        kept = after.get(key, ({}, {}))[1]
        for column, value in stored.items():
            is_object = column not in table.columns
            is_long = is_object or isinstance(table.columns[column].type, Encrypted)
            is_long = is_long and value is not None
            if is_long and kept.get(column) != value:
                assert value not in data, f"{key} {column}"
    for canary in (b"canary", b"Canary"):
        assert canary not in data


def test_every_table_is_filled(before: Rows, filled: FilledChats) -> None:
    """A new table has to be filled above, or to be named as one without anything of a person."""
    tables = {table for table, _ in before}
    empty = {"blob_pieces"} if filled.is_outside else {objects.name}
    assert tables >= metadata.tables.keys() - IMPERSONAL - empty


def test_sound_is_in_the_database_or_outside(before: Rows, filled: FilledChats) -> None:
    kinds = {values["kind"] for (table, _), (values, _) in before.items() if table == objects.name}
    assert kinds == ({"recording", "sound", "voice", "reply"} if filled.is_outside else set())


async def test_nothing_of_a_person_is_left_anywhere(world: World, before: Rows) -> None:
    await forget_everywhere(world, before)


async def test_nothing_is_left_by_a_program_that_did_it_all_itself(tmp_path: Path) -> None:
    """No restart comes between what is said and the deletion."""
    async with open_world(tmp_path, is_outside=False) as world:
        await forget_everywhere(world, await fill_as_ada(world))


async def forget_everywhere(world: World, before: Rows) -> None:
    await world.forward()
    receipt = await world.ask(world.private[TELEGRAM], ADA[TELEGRAM], "forget me everywhere")
    after = await world.rows()
    found = mentions(after, "anary", *ADA.values(), without=("chats.address",))
    assert [place for place in found if not is_request(place)] == []
    assert find_ids(world, after) == {"chats.chat_id", "chats.owner_id"}, "the chat is still there"
    check_bytes(world, before, after)
    kinds = "message repl transcript answer spoken recording voice correction digest position"
    assert [kind for kind in f"{kinds} account".split() if kind not in receipt.text] == []
    personal = {table for one in PERIODS if one.is_personal for table in one.tables}
    stays = personal & (IMPERSONAL - {"watermarks"})
    assert {STAYS[table] in receipt.text for table in stays} == {True}
    await check_ben(world, after)


async def check_ben(world: World, rows: Rows) -> None:
    """Check that another person's content is all there."""
    for on, group in world.groups.items():
        kept = [one.text for one in await group.kept()]
        assert f"of Ben {on} group written" in kept
    shown = [*mentions(rows, "of Ben")]
    for table in ("messages", "jobs", "remembered", "transcripts", "answers", "voices", "chats"):
        assert any(place.startswith(table) for place in shown), table


@pytest.mark.parametrize("on", [TELEGRAM, DISCORD])
@pytest.mark.parametrize("kind", ["group", "private"])
async def test_nothing_of_a_person_is_left_in_one_chat(
    world: World, before: Rows, on: str, kind: str
) -> None:
    place = world.groups[on] if kind == "group" else world.private[on]
    receipt = await world.ask(place, ADA[on], "forget me")
    assert "everywhere" in receipt.text
    after = await world.rows()
    account = ("voices.content", "objects.of_voice", "people.speech") if kind == "private" else ()
    assert [*mentions(after, f"canary {on} {kind}", without=account)] == []
    assert [*mentions(after, "canary")], "what is in other chats stays"
    check_bytes(world, before, after)
    await check_ben(world, after)


async def test_nothing_is_left_once_all_requests_have_expired(world: World, before: Rows) -> None:
    """Her settings are all that there is."""
    now = world.store._database.now()
    for days in (0, 31):
        await world.store.retention.purge(now + timedelta(days=days))
    assert [*mentions(await world.rows(), "canary discord private style of the chat")]
    receipt = await world.ask(world.private[TELEGRAM], ADA[TELEGRAM], "forget me everywhere")
    assert "4 sets of settings" in receipt.text
    after = await world.rows()
    assert [place for place in mentions(after, "anary") if not is_request(place)] == []
    check_bytes(world, before, after)


@pytest.mark.parametrize("on", [TELEGRAM, DISCORD])
async def test_nothing_of_one_message_is_left(world: World, before: Rows, on: str) -> None:
    group, text = world.groups[on], f"canary {on} group written"
    [said] = [one for one in await group.kept() if one.text == text]
    places = [*mentions(await world.rows(), text)]
    assert {"remembered", "messages", "jobs"} <= {place.partition(".")[0] for place in places}
    quoted = QuotedMessage(said.message_id, sender_id=ADA[on])
    await world.ask(group, ADA[on], "forget", reply_to=quoted)
    after = await world.rows()
    assert [*mentions(after, text)] == []
    sums = [values["reply"] for (table, _), (values, _) in after.items() if table == "jobs"]
    assert not any(one and said.message_id in one.sources for one in sums)
    await check_ben(world, after)


@pytest.mark.parametrize("order", ["forget me everywhere", "remember me off"])
async def test_nothing_is_left_of_what_was_under_way(
    world: World, before: Rows, clock: Clock, order: str
) -> None:
    """A search that has words of hers waits to be sent, and a summary of them is being made."""
    answerer, platform = world.loopback.answerer, world.loopback.platform
    answerer.scripts, answerer.latency_s = {"anary": "- canary [1]", "": "- of Ben [1]"}, 40.0
    platform.failures = [PlatformBusy("x", retry_after_s=99.0)]
    asked = []
    for (name, text), on in zip((("find", "written"), ("summary", "today")), ADA, strict=True):
        asked.append(world.groups[on].write_as(EVE[on], "Eve", command=name, text=text))
        await world.loopback.inbox.accept(asked[-1])
        await clock.sleep(5)
    assert not any(map(world.groups[TELEGRAM].answers, asked))
    await world.ask(world.private[TELEGRAM], ADA[TELEGRAM], order)
    shown = [world.groups[TELEGRAM].answers(one) for one in asked]
    assert [*map(len, shown)] == [1, 1] and "anary" not in repr(shown)
    account = ACCOUNT if order == "remember me off" else ("chats.address",)
    found = mentions(await world.rows(), "anary", without=account)
    assert [
        place for place in found if not is_request(place) and "text='canary'" not in place
    ] == []


@pytest.mark.parametrize("on", [TELEGRAM, DISCORD])
async def test_nothing_of_a_whole_chat_is_left(world: World, before: Rows, on: str) -> None:
    group, eve = world.groups[on], EVE[on]
    asked = await world.ask(group, eve, "forget chat")
    assert [*mentions(await world.rows(), f"canary {on} group")], "it waits for the button"
    receipt = await world.press(group, eve, asked, "Delete everything")
    assert "Deleted: " in receipt.text
    after = await world.rows()
    assert [*mentions(after, f"canary {on} group", f"of Ben {on} group")] == []
    check_bytes(world, before, after)
    settings = await world.store.chats.settings(group.chat)
    assert settings.talk.remember_days is None and not settings.talk.glossary
    again = await world.press(group, eve, asked, "Delete everything")
    assert "Deleted" not in again.text


async def test_nothing_is_left_of_who_opts_out(world: World, before: Rows) -> None:
    await world.forward()
    receipt = await world.ask(world.private[DISCORD], ADA[DISCORD], "remember me off")
    assert "Deleted: " in receipt.text
    after = await world.rows()
    found = mentions(after, "anary", *ADA.values(), without=ACCOUNT)
    assert [place for place in found if not is_request(place)] == []
    kept = {"people.person_id", "readers.person_id", "newcomers.person_id"}
    assert find_ids(world, after) == {"chats.chat_id", "chats.owner_id", *kept}
    check_bytes(world, before, after)
    await world.forward()
    found = mentions(await world.rows(), "anary", without=ACCOUNT)
    assert [place for place in found if not is_request(place)] == []
