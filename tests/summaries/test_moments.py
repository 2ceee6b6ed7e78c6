"""How well the second of a sentence is found where an engine tells no times, as MiMo's does not."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import UTC, datetime

from core.audio.pauses import find_pauses
from core.hearing import Hearing
from core.models import Segment, Transcript
from core.store import Store
from core.summaries.moments import find_moments
from tests.support import sounds
from tests.support.group_week import make_note, make_week, tell
from tests.support.loopback import ScriptedEngine
from tests.support.thread_media import ThreadMedia


def test_pauses_are_where_nobody_speaks() -> None:
    speech = sounds.decode(sounds.recording("sb_example1.wav"))
    pcm = sounds.silence(0.5) + speech + sounds.silence(0.8) + speech
    pauses = find_pauses(pcm)
    assert pauses[0][0] == 0.0 and pauses[0][1] >= 0.5
    second_s = 0.5 + len(speech) / 32_000
    assert any(start <= second_s and end >= second_s + 0.7 for start, end in pauses)
    assert all(end - start >= 0.3 for start, end in pauses)
    assert find_pauses(b"") == [] and find_pauses(sounds.silence(2.0)) == [(0.0, 2.0)]
    assert find_pauses(sounds.tone(2.0)) == []


def test_sentences_end_in_pauses() -> None:
    text = "A short one. This sentence is about three times as long as it. And the last one."
    pauses = ((0.0, 0.4), (2.1, 2.8), (4.0, 4.3), (8.2, 9.0), (11.8, 12.0))
    moments = find_moments(Transcript(text, duration_s=12.0, pauses=pauses))
    assert [(m.start_s, m.end_s) for m in moments] == [(0.4, 2.1), (2.8, 8.2), (9.0, 11.8)]


def test_abbreviations_end_no_sentence() -> None:
    heard = Transcript(
        "I saw Mr. John, i. e. him, with Dr. Day. Then we left! Did you?", duration_s=20.0
    )
    assert [m.text for m in find_moments(heard)] == [
        "I saw Mr. John, i. e. him, with Dr. Day.",
        "Then we left!",
        "Did you?",
    ]


def test_what_the_engine_says_of_times_stands() -> None:
    segments = (Segment(0.0, 7.0, "One. Two."), Segment(7.0, 9.0, "Three."))
    assert find_moments(Transcript("", segments, 9.0, pauses=((3.0, 4.0),))) == segments


def test_the_seconds_of_a_weeks_notes() -> None:
    """Several people speak in one note here, at very different rates: harder than real notes."""
    week = make_week(datetime(2026, 3, 8, 20, tzinfo=UTC), count=600)
    errors = []
    for clips in week.notes.values():
        truth = tell(clips)
        pauses = tuple(find_pauses(make_note(clips)[44:]))
        found = find_moments(replace(truth, segments=(), pauses=pauses))
        for segment in truth.segments:
            same = [m.start_s for m in found if segment.text[:6] in m.text]
            errors.append(min(abs(start_s - segment.start_s) for start_s in same))
    assert len(errors) > 150
    assert statistics.median(errors) < 0.3
    assert sum(error <= 2 for error in errors) / len(errors) > 0.95


async def test_a_transcript_knows_the_pauses_of_its_recording(store: Store) -> None:
    hearing = Hearing(ThreadMedia(), ScriptedEngine(), store.results)
    note = sounds.file("ogg-opus", sounds.speech(24.0) + sounds.silence(1.5) + sounds.speech(20.0))
    heard = (await hearing.hear(note)).transcript
    again = (await hearing.hear(note)).transcript
    assert len(heard.segments) > 1
    assert any(start <= 24.3 and end >= 25.3 for start, end in heard.pauses)
    assert heard.pauses == tuple(sorted(heard.pauses)) == again.pauses
