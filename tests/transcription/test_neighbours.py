"""Recordings of other people while one of an hour is transcribed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.clock import Clock
from core.interfaces import TranscriberLimits
from core.limits.budgets import Budgets
from core.models import Attachment, JobState, Message
from core.operations.delays import SLOW
from core.requester import Requester, work_for
from core.store import Store
from core.transcription.pipeline import TranscriptionPipeline
from tests.conftest import NewMessage
from tests.support.counted_media import PIECE_S, CountedMedia
from tests.support.loopback import Loopback, ScriptedTranscriber

#: The time that each call takes.
CALL_S = 4.5


class Neighbours:
    """People whose recordings are transcribed by one engine."""

    def __init__(self, store: Store, clock: Clock, *, decode_s: float = 0.0, **limits: Any) -> None:
        self.engine = ScriptedTranscriber(TranscriberLimits(**limits))
        self.engine.latency_s = CALL_S
        self.transcription = TranscriptionPipeline(
            CountedMedia(store.recordings.begin, decode_s=decode_s),
            self.engine,
            store.results,
            Budgets(store.budgets),
            clock,
        )
        self.clock = clock

    async def wait_s(
        self, name: str, pieces: int = 1, *, person: str = "", hint_s: float | None = None
    ) -> float:
        """Return how long the transcript of a recording takes; hint_s: its claimed length."""
        began_s = self.clock.monotonic()
        with work_for(Requester(person=person or name)):
            await self.transcription.transcribe(f"{name} {pieces}".encode(), hint_s=hint_s)
        return self.clock.monotonic() - began_s


@pytest.mark.parametrize(("places", "rounds"), [(8, 12), (4, 27), (2, 40), (1, 80)])
async def test_a_short_note_has_a_place_or_the_next(
    store: Store, clock: Clock, places: int, rounds: int
) -> None:
    """Of more than two places one is always free for it; of fewer it gets the next."""
    people = Neighbours(store, clock, concurrency=places)
    first = asyncio.create_task(people.wait_s("x"))
    await clock.sleep(0.25 * CALL_S - 0.1)
    hour = asyncio.create_task(people.wait_s("hour", 80))
    await clock.sleep(CALL_S + 0.1)
    wait_s = await people.wait_s("note")
    assert wait_s == pytest.approx(CALL_S if places > 2 else 1.75 * CALL_S)
    hour_s, _ = await asyncio.gather(hour, first)
    assert hour_s == pytest.approx(rounds * CALL_S, abs=2.1 * CALL_S)
    assert people.engine.most_at_once == places


async def test_notes_of_several_people_do_not_keep_a_long_recording_out(
    store: Store, clock: Clock
) -> None:
    people = Neighbours(store, clock, concurrency=1)
    long = asyncio.create_task(people.wait_s("lecture", 3))
    await clock.sleep(1)
    notes = []
    for number in range(60):
        notes.append(asyncio.create_task(people.wait_s(f"note-{number}")))
        await clock.sleep(CALL_S)  # there is always one that waits
    await asyncio.gather(long, *notes)
    # Turns go by length: fifteen notes of 3 s, each of two who wait, are as long as a piece.
    at = [number for number, length_s in enumerate(people.engine.calls) if length_s == PIECE_S]
    assert len(at) == 3 and 3 < at[1] <= 31 and at[2] - at[1] <= 31


async def test_a_short_note_passes_calls_held_back_by_the_limits_of_the_account(
    store: Store, clock: Clock
) -> None:
    people = Neighbours(store, clock, concurrency=8, calls_per_minute=12)
    long = asyncio.create_task(people.wait_s("hour", 80))
    await clock.sleep(30)
    assert await people.wait_s("note") < 60 + CALL_S
    assert people.engine.calls.index(3.0) <= 13, "one call at most goes first"
    long.cancel()
    await asyncio.gather(long, return_exceptions=True)


async def test_long_recordings_of_several_people_are_transcribed_side_by_side(
    store: Store, clock: Clock
) -> None:
    """Nobody waits for the last piece of another one."""
    people = Neighbours(store, clock, decode_s=0.1)
    hour = asyncio.create_task(people.wait_s("hour", 80, hint_s=3600.0))
    await clock.sleep(10)
    began_s = clock.monotonic()
    waits_s = await asyncio.gather(
        *(people.wait_s(f"talk {n}".replace(" ", "-"), 5, hint_s=225.0) for n in range(3))
    )
    # Decoding the hour takes 8 s. Of the seven places each has its share: five calls take turns.
    assert max(waits_s) < 8 + 5 * CALL_S
    assert not hour.done()
    assert await hour < clock.monotonic() - began_s + 100


async def test_long_recordings_that_claim_to_be_short_leave_a_decoder_free(
    store: Store, clock: Clock
) -> None:
    """So do those of which nobody knows the length, as what the API is sent."""
    people = Neighbours(store, clock, decode_s=0.1)
    hints_s = None, 4.0, None
    hours = [
        asyncio.create_task(people.wait_s(f"hour-{number}", 80, person="many", hint_s=hint_s))
        for number, hint_s in enumerate(hints_s)
    ]
    await clock.sleep(2)
    for number in range(10):
        assert await people.wait_s(f"note-{number}") <= CALL_S + 1.0
    assert not any(hour.done() for hour in hours)
    await asyncio.gather(*hours)


async def test_pieces_that_are_decoded_early_come_in_order_and_leave_nothing(
    store: Store, clock: Clock
) -> None:
    people = Neighbours(store, clock, decode_s=0.1)
    seen = list[bytes]()
    transcribe = people.engine.transcribe

    async def listen(audio: Any, **options: Any) -> Any:
        seen.append(audio.data)
        return await transcribe(audio, **options)

    people.engine.transcribe = listen  # type: ignore[method-assign]
    names = "one", "two"
    await asyncio.gather(*(people.wait_s(name, 40) for name in names))
    for name in names:
        mine = [data for data in seen if data.startswith(name.encode())]
        assert mine == [f"{name} 40 {number}".encode() for number in range(40)]
    assert await store.recordings.sweep() > 0, "some were stored"
    assert await store.recordings.sweep() == 0


async def test_who_waits_for_a_decoder_sees_the_clock_and_is_not_given_up(
    store: Store, clock: Clock, new_message: NewMessage
) -> None:
    """The hour takes four minutes to decode."""
    media = CountedMedia(store.recordings.begin, decode_s=3.0)
    loopback = Loopback(store, ScriptedTranscriber(), media)
    sizes = {"ada": 80, "ben": 5}

    async def fetch(message: Message) -> bytes:
        return f"{message.sender_id} {sizes[message.sender_id]}".encode()

    loopback.platform.fetch = fetch  # type: ignore[method-assign]
    async with loopback.running():
        for name, count in sizes.items():
            attachment = Attachment("f", duration_s=count * PIECE_S)
            message = new_message(name, sender_id=name, attachment=attachment, language="en")
            await loopback.inbox.accept(message)
            await clock.sleep(3)
        await clock.sleep(5)
        told = [text for to, text, _ in loopback.platform.shown if to == message.message_id]
        assert told and told[0].startswith("0% · 0:00 of 3:45 · place 2 in the queue")
        assert await loopback.settle() == {JobState.DONE: 2}
    assert SLOW not in [text for _, text, _ in loopback.platform.shown], "the clock says it"
