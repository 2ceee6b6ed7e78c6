"""What engines gave us, what it cost, and what else is kept of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from core.clock import Clock
from core.models import Answer, Audio, Chat, Message, ProbeResult, SavedVoice, Transcript, Usage
from core.store import Store
from core.store.database.tables import watermarks
from core.store.operations.probes import INTERVAL
from tests.support.virtual_time import current_clock

COST = Usage("mimo", "m-1", 2.0, 3, 4)
Save = Callable[[Any, str], Awaitable[None]]
Find = Callable[[str], Awaitable[Any]]


def kinds(store: Store) -> dict[str, tuple[Save, Find, Callable[[str], Any]]]:
    """Return of each kind how it is saved, how it is found, and how one is made."""
    results = store.results

    async def save(value: Transcript, key: str) -> None:
        await results.save(key, value)

    async def save_answer(value: Answer, key: str) -> None:
        await results.save_answer(key, value)

    async def save_audio(value: bytes, key: str) -> None:
        await results.save_audio(key, value, COST, None)

    return {
        "transcript": (save, results.find, lambda text: Transcript(text, usage=COST)),
        "answer": (save_answer, results.find_answer, lambda text: Answer(text, usage=COST)),
        "sound": (save_audio, results.find_audio, str.encode),
    }


@pytest.fixture(params=["rows", "outside"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return f"file://{tmp_path}/objects" if request.param == "outside" else None


@pytest.mark.parametrize("kind", ["transcript", "answer", "sound"])
async def test_a_paid_result_is_stored_once_with_its_cost(
    store: Store, clock: Clock, kind: str
) -> None:
    save, find, make = kinds(store)[kind]
    began = clock.now()
    await save(make("first"), "key")
    await save(make("second"), "key")
    await save(make("other"), "other")
    assert (await find("key"), await find("other")) == (make("first"), make("other"))
    assert await find("none") is None
    [spent] = await store.statistics.engine_usage(began)
    assert (spent.engine, spent.model, spent.calls) == ("mimo", "m-1", 3)
    assert (spent.audio_s, spent.prompt_tokens, spent.completion_tokens) == (6.0, 9, 12)


async def test_what_cost_nothing_is_not_booked(store: Store, clock: Clock) -> None:
    await store.results.save("key", Transcript("x"))
    await store.results.save_answer("key", Answer("x"))
    # The cost of a whole recording is that of its pieces.
    await store.results.save("whole", Transcript("x", usage=COST), is_booked=True)
    assert await store.results.find("whole") == Transcript("x", usage=COST)
    assert await store.statistics.engine_usage(clock.now() - timedelta(1)) == []


async def test_what_was_said_with_a_voice_goes_with_it(store: Store) -> None:
    chat = Chat("test", "1", "100")
    own, other = [Audio(name, "audio/wav", 2.0) for name in (b"own", b"other")]
    voice = SavedVoice("v1", "me", own)
    await store.voices.keep(chat, "7", voice)
    for key, sample in (("own", own), ("other", other), ("preset", None)):
        await store.results.save_audio(key, b"sound", COST, sample)
    await store.voices.forget(voice)
    found = [await store.results.find_audio(key) for key in ("own", "other", "preset")]
    assert found == [None, b"sound", b"sound"]


async def test_only_one_saved_voice_is_renamed(store: Store) -> None:
    chat, sample = Chat("test", "1", "100"), Audio(b"RIFF\xff\x00", "audio/wav", 2.0)
    designed = SavedVoice("v1", "Grandma", sample)
    own = SavedVoice("v2", "me", sample, is_clone=True, consented_at=current_clock().now())
    for voice in (designed, own):
        await store.voices.keep(chat, "7", voice)
        await current_clock().sleep(1)
    renamed = replace(own, name="mine")
    await store.voices.rename(renamed)
    found = [await store.voices.load(one) for one in await store.voices.usable(chat, "7")]
    assert found == [designed, renamed]


async def test_watermarks_are_saved_per_bot(store: Store) -> None:
    assert await store.chats.watermarks("discord", "1") == {}
    await store.chats.save_watermarks("discord", "1", {"10": "100", "20": "200"})
    await store.chats.save_watermarks("discord", "1", {"10": "101"})
    await store.chats.save_watermarks("discord", "2", {"10": "900"})
    assert await store.chats.watermarks("discord", "1") == {"10": "101", "20": "200"}
    assert await store.chats.watermarks("telegram", "1") == {}


async def test_chats_may_be_private_until_it_is_known_that_they_are_not(store: Store) -> None:
    chats, of_bot = store.chats, ("discord", "1")
    await chats.save_watermarks(*of_bot, {"10": "100", "20": "100", "30": "100"}, {"20"})
    assert await chats.find_private(*of_bot) == {"20"}
    await store._database.write(lambda one: one.execute(update(watermarks).values(is_private=None)))
    assert await chats.find_private(*of_bot) == {"10", "20", "30"}, "as saved by an older version"
    await chats.save_watermarks(*of_bot, {"10": "101", "20": "101"}, {"20"})
    assert await chats.find_private(*of_bot) == {"20", "30"}


async def test_a_role_is_probed_once_a_day(store: Store, clock: Clock) -> None:
    now, probes = clock.now(), store.probes
    assert await probes.all() == {}
    assert await probes.begin("hears", now)
    assert await probes.all() == {"hears": ProbeResult("hears", "", "", now)}
    assert not await probes.begin("hears", now)
    assert await probes.begin("speaks", now)
    await probes.end(ProbeResult("hears", "mimo", "asr", now, "Busy"))
    assert not await probes.begin("hears", now + INTERVAL - timedelta(seconds=1))
    later = now + INTERVAL
    assert await probes.begin("hears", later)
    hears, speaks = (
        ProbeResult("hears", "mimo", "asr", later, "Busy"),
        ProbeResult("speaks", "", "", now),
    )
    assert await probes.all() == {"hears": hears, "speaks": speaks}
    # Noted while the clock was ahead: that holds nothing up.
    assert await probes.begin("hears", now + timedelta(seconds=1))


async def test_own_messages_are_added_once_per_chat(store: Store, clock: Clock) -> None:
    chats = [Chat("test", "1", name) for name in "ab"]
    for chat, is_new in ((chats[0], True), (chats[1], True), (chats[0], False)):
        text = "The disk is full"
        message = Message(chat, "notice:full", clock.now(), text=text, command="notice")
        assert await store.intake.add_own(message) is is_new
    other = replace(message, message_id="notice:busy", text="x")
    assert await store.intake.add_own(other)
    jobs = await store.jobs.history(chats[0])
    expected = [("notice", "x"), ("notice", "The disk is full")]
    assert [(j.command, j.message.text) for j in jobs] == expected
    assert jobs[0].message.sent_at == jobs[0].created_at == jobs[0].run_at == clock.now()
    assert (jobs[0].state.value, jobs[0].attempts, jobs[0].error) == ("waiting", 0, "")
