"""A short note while the recording of an hour is transcribed for somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from core.audio import Media, Piece
from core.clock import Clock
from core.interfaces import TranscriberLimits
from core.limits.budgets import Budgets
from core.models import Audio
from core.requester import Requester, work_for
from core.store import Store
from core.transcription.pipeline import TranscriptionPipeline
from tests.support.loopback import ScriptedTranscriber

#: Of every piece of a long recording, and the time that each call takes.
PIECE_S, CALL_S = 45.0, 4.5


class CountedMedia(Media):
    """Makes as many pieces as the recording says, after a name."""

    async def pieces(
        self, recording: Any, limits: TranscriberLimits, *, hint_s: float | None = None
    ) -> AsyncGenerator[Piece, None]:
        count = int(recording.split()[1])
        duration_s = PIECE_S if count > 1 else 3.0
        for index in range(count):
            audio = Audio(recording, "audio/wav", duration_s)
            whole_s = count * duration_s
            at_s, is_whole = index * duration_s, count == 1
            yield Piece(index, at_s, audio, True, False, recording_s=whole_s, is_whole=is_whole)


class Neighbours:
    """People whose recordings are transcribed by one engine."""

    def __init__(self, store: Store, clock: Clock, **limits: Any) -> None:
        self.engine = ScriptedTranscriber(TranscriberLimits(**limits))
        self.engine.latency_s = CALL_S
        self.transcription = TranscriptionPipeline(
            CountedMedia(), self.engine, store.results, Budgets(store.budgets), clock
        )
        self.clock = clock

    async def wait_s(self, name: str, pieces: int = 1) -> float:
        """Return how long the transcript of a recording takes."""
        began_s = self.clock.monotonic()
        with work_for(Requester(person=name)):
            await self.transcription.transcribe(f"{name} {pieces}".encode())
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
