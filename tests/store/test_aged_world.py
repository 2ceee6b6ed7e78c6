"""What people wrote or said is in no column any more once the period of its kind is over."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import EngineBadReply
from core.models import Chat, QuotedMessage, Reply
from core.privacy import periods
from core.store import Store
from tests.support.full_chats import ADA, BEN, EVE, NOTE, TELEGRAM, World
from tests.support.group_talk import Group, quote
from tests.support.loopback import run_loopback

DAY = timedelta(days=1)
#: How long the histories of the groups below are announced to be kept.
SHORT, LONG = 1, 60
#: Words of one kind -> how long they are kept at most. All but the last begin the longer texts.
KINDS = {
    # What nobody asks about.
    "canary telegram private forwarded": periods.FORWARDS_KEPT,
    "canary opted out": periods.FORWARDS_KEPT,
    "canary read aloud": DAY,
    "canary form": periods.FORMS_KEPT,
    f"canary {SHORT} days": SHORT * DAY,
    f"canary {LONG} days": LONG * DAY,
    # Requests, replies, and what was made for them.
    "export.json": periods.EXPORTS_KEPT,
    "canary telegram privatecanary telegram private": periods.RECORDINGS_KEPT,
    "canary telegram group written": periods.REQUESTS_KEPT,
    "canary telegram group spoken": periods.REQUESTS_KEPT,
    "canary telegram group answer": periods.REQUESTS_KEPT,
    "canary telegram group dead": periods.REQUESTS_KEPT,
    "canary telegram group aloud": periods.REQUESTS_KEPT,
    "canary dead upload": periods.REQUESTS_KEPT,
    "canary forwarded note": periods.REQUESTS_KEPT,
    f"canary asked in {SHORT} days": periods.REQUESTS_KEPT,
    "canary waits": periods.REQUESTS_KEPT,
    # Settings.
    "canary discord private style": periods.SETTINGS_KEPT,
    "canary telegram private own": periods.SETTINGS_KEPT,
    "canary telegram private sample": periods.SETTINGS_KEPT,
    "canary telegram group": periods.SETTINGS_KEPT,
    "canary": periods.SETTINGS_KEPT,
}


class OneRead:
    """Stands in for `core.interfaces.VoiceChannels`: one chat is read aloud."""

    def is_reachable(self, message: Any) -> bool:
        return False

    def is_read(self, message: Any) -> bool:
        return bool(message.chat.chat_id == "-300")


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with run_loopback(store) as loopback:
        world = World(loopback, tmp_path)
        await world.fill(of_ada=True)
        await use_histories(world)
        await leave_unasked(world)
        await ask_more(world)
        yield world


async def use_histories(world: World) -> None:
    """Talk in groups that keep a history and transcribe nothing unless they are asked."""
    ada, ben, eve = ADA[TELEGRAM], BEN[TELEGRAM], EVE[TELEGRAM]
    for days in (SHORT, LONG):
        group = Group(world.loopback, Chat(TELEGRAM, "1", f"-2{days}"))
        await world.ask(group, eve, f"remember {days}d")
        await world.say(group, ada, text=f"canary {days} days written")
        await say_aloud(world, group, f"canary {days} days", text=f"canary {days} days caption")
        note = await say_aloud(world, group, f"canary asked in {days} days")
        await world.ask(group, ben, "transcribe", reply_to=quote(note))


async def say_aloud(world: World, place: Group, words: str, **changes: Any) -> Any:
    world.loopback.engine.text = f"{words} spoken"
    world.loopback.platform.recording += words.encode()
    return await world.say(place, ADA[TELEGRAM], attachment=NOTE, **changes)


async def leave_unasked(world: World) -> None:
    """Forward texts in private, open a form, and talk where messages are read aloud."""
    ada, zoe = ADA[TELEGRAM], "111"
    own = Group(world.loopback, Chat(TELEGRAM, "1", zoe), is_private=True)
    await world.ask(own, zoe, "remember me off")
    await world.say(own, zoe, text="canary opted out", forwarded_from="Ben")
    read = Group(world.loopback, Chat(TELEGRAM, "1", "-300"))
    world.loopback.platform.voice = OneRead()  # type: ignore[assignment]
    await world.say(read, ada, text="canary read aloud")
    about = QuotedMessage("9", "canary form", sender_id=ada)
    form = read.write_as(ada, "Ada", command="ask", reply_to=about)
    await world.loopback.inbox.open_form(form)


async def ask_more(world: World) -> None:
    ada, private = ADA[TELEGRAM], world.private[TELEGRAM]
    await say_aloud(world, private, "canary forwarded note", forwarded_from="Ben")
    world.loopback.engine.failures = [EngineBadReply("x")] * 5
    world.loopback.platform.recording += b"another one"
    upload = private.write_as(ada, "Ada", attachment=NOTE)
    await world.loopback.inbox.accept(upload, b"canary dead upload" * 50)
    await world.loopback.settle()
    await world.ask(private, ada, "export")
    waiting = Group(world.loopback, Chat(TELEGRAM, "1", "-400"))
    held = waiting.write_as("1", "Zoe", text="canary waits", command="ask", is_held=True)
    await world.loopback.inbox.accept(held)


async def find_kinds(world: World) -> dict[str, list[str]]:
    """Return the columns in which the words of each kind are."""
    found: dict[str, list[str]] = {words: [] for words in KINDS}
    for (table, _), (values, _) in (await world.rows()).items():
        for column, value in values.items():
            shown = repr(unpack(value))
            for words, places in found.items():
                if words in shown:
                    places.append(f"{table}.{column}: {shown[:300]}")
    return found


def unpack(value: object) -> object:
    """Return a value with the files in archives, which are packed, beside it."""
    found = list[tuple[str, bytes]]()
    for file in value.files if isinstance(value, Reply) else ():
        if zipfile.is_zipfile(content := io.BytesIO(file.data)):
            with zipfile.ZipFile(content) as archive:
                found += [(name, archive.read(name)) for name in archive.namelist()]
    return value, found


async def test_words_of_each_kind_are_gone_when_their_period_is_over(world: World) -> None:
    retention, now = world.store.retention, world.store._database.now()
    await retention.purge(now)
    for kept_for in sorted(set(KINDS.values())):
        if kept_for > DAY:
            # Most of what ends after a day ends as soon as it is done.
            await retention.purge(now + kept_for - DAY)
            found = await find_kinds(world)
            early = {words for words, least in KINDS.items() if least >= kept_for}
            assert {words for words in early if not found[words]} == set(), "gone too early"
        await retention.purge(now + kept_for + timedelta(hours=1))
        late = {words: places for words, places in (await find_kinds(world)).items() if places}
        assert {words: late[words] for words in late if KINDS[words] <= kept_for} == {}, kept_for
