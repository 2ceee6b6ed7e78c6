"""Estimated timestamps of sentences, for engines without timestamps such as MiMo's."""

from __future__ import annotations

import statistics
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.audio.speech_detection import find_pauses
from core.models import Segment, Transcript
from core.text.moments import find_moments
from tests.support.group_week import make_note, make_week, tell


def test_sentences_end_at_pauses() -> None:
    text = "A short one. This sentence is about three times as long as it. And the last one."
    pauses = ((0.0, 0.4), (2.1, 2.8), (4.0, 4.3), (8.2, 9.0), (11.8, 12.0))
    moments = find_moments(Transcript(text, duration_s=12.0, pauses=pauses))
    assert [(m.start_s, m.end_s) for m in moments] == [(0.4, 2.1), (2.8, 8.2), (9.0, 11.8)]


@pytest.mark.parametrize(
    "sentences",
    [
        ("I saw Mr. John, i. e. him, with Dr. Day.", "Then we left!", "Did you?"),
        ("今天下雨。", "我们明天再去吧！", "好不好？"),
    ],
)
def test_without_times_text_is_split_by_sentence(sentences: tuple[str, ...]) -> None:
    joiner = " " if sentences[0].isascii() else ""
    moments = find_moments(Transcript(joiner.join(sentences), duration_s=20.0))
    assert [m.text for m in moments] == [*sentences]
    # As long as their letters.
    whole = sum(map(len, sentences))
    assert moments[1].start_s == pytest.approx(20 * len(sentences[0]) / whole, abs=1.0)
    assert moments[-1].end_s == pytest.approx(20.0)


def test_times_of_the_engine_are_kept() -> None:
    segments = (Segment(0.0, 7.0, "One. Two."), Segment(7.0, 9.0, "Three."))
    assert find_moments(Transcript("", segments, 9.0, pauses=((3.0, 4.0),))) == segments
    assert find_moments(Transcript("", (), 30.0)) == ()


def test_a_sentence_that_a_model_repeats_without_end_is_timed_by_its_letters() -> None:
    """The search for the pauses between so many would take hours."""
    moments = find_moments(Transcript("Yes. " * 3000, duration_s=300.0, pauses=((1.0, 2.0),)))
    assert len(moments) == 3000 and moments[1500].start_s == pytest.approx(150.0)


def test_accuracy_on_a_week_of_notes() -> None:
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
