"""Cues of subtitles: short, by sentence or clause, at the times of the words."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio.speech_detection import find_pauses
from core.models import Segment, Transcript
from core.text.moments import find_cues
from core.text.scripts import count_columns
from core.text.split import halve
from core.transcription.subtitles import build_srt, build_vtt
from tests.support import audio_samples

JFK = (
    "And so, my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country."
)
#: From Lu Xun's "My Old Home" (1921).
LU_XUN = (
    "时候既然是深冬；渐近故乡时，天气又阴晦了，冷风吹进船舱中，呜呜的响，"
    "从蓬隙向外一望，苍黄的天底下，远近横着几个萧索的荒村，没有一些活气。"
)
WORDS = st.sampled_from(
    [
        *("Yes.", "no", "country,", "supercalifragilistic", "x"),
        *("你好。", "我们明天再去吧", "きょうは雨です", "내일 가요.", "👩‍👩‍👧"),
    ]
)
TEXTS = st.lists(WORDS, max_size=80).map(" ".join) | st.text(max_size=300)


@pytest.mark.finding(6)
def test_cues_of_real_speech_begin_where_its_clauses_do() -> None:
    pcm = audio_samples.decode(audio_samples.recording("jfk.flac"))
    # As MiMo returns it: one text and one time for all of it.
    transcript = Transcript(JFK, duration_s=11.0, pauses=tuple(find_pauses(pcm)))
    cues = find_cues(transcript)
    assert [cue.text for cue in cues] == [
        "And so, my fellow Americans,",
        "ask not what your country can do for you,",
        "ask what you can do for your country.",
    ]
    assert [cue.start_s for cue in cues] == pytest.approx([0.3, 3.3, 8.2], abs=0.3)
    assert build_vtt(transcript).startswith("WEBVTT\n\n00:00:00.3")
    assert build_srt(transcript).count(" --> ") == 3


@pytest.mark.finding(6)
@given(
    st.lists(st.tuples(TEXTS, st.floats(0, 60)), max_size=4),
    st.lists(st.tuples(st.floats(0.1, 9), st.floats(0.1, 3)), max_size=30),
)
def test_every_cue_can_be_read(
    texts: list[tuple[str, float]], steps: list[tuple[float, float]]
) -> None:
    segments, pauses, at_s = [], [], 0.0
    for text, length_s in texts:
        segments.append(Segment(at_s, at_s + length_s, text))
        at_s += length_s
    whole_s, at_s = at_s, 0.0
    for spoken_s, pause_s in steps:
        pauses.append((at_s + spoken_s, at_s + spoken_s + pause_s))
        at_s = pauses[-1][1]
    cues = find_cues(Transcript("", tuple(segments), whole_s, pauses=tuple(pauses)))
    assert all(count_columns(cue.text) <= 84 and cue.text.strip() for cue in cues)
    assert all(0 <= cue.end_s - cue.start_s <= 7.001 for cue in cues)
    assert all(a.end_s <= b.start_s + 1e-6 for a, b in pairwise(cues))
    said = "".join(cue.text for cue in cues).split()
    assert "".join(said) == "".join("".join(text for text, _ in texts).split())


@pytest.mark.finding(6)
def test_chinese_cues_fill_two_lines_and_end_where_a_clause_does() -> None:
    # Read as fast as people do in news: a sentence of 69 characters, 138 columns wide.
    transcript = Transcript("", (Segment(0.0, 7.0, LU_XUN),), 7.0)
    assert [cue.text for cue in find_cues(transcript)] == [
        "时候既然是深冬；渐近故乡时，天气又阴晦了，冷风吹进船舱中，呜呜的响，",
        "从蓬隙向外一望，苍黄的天底下，远近横着几个萧索的荒村，没有一些活气。",
    ]


def test_one_word_in_a_long_silence_is_not_torn() -> None:
    assert find_cues(Transcript("Hmm", (), 45.0)) == (Segment(0.0, 7.0, "Hmm"),)


def test_an_endless_row_of_points_is_halved_at_once() -> None:
    row = "." * 2_000_000
    assert halve(row) == (row[:1_000_000], row[1_000_000:])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It rains. We go tomorrow, or not.", ("It rains.", "We go tomorrow, or not.")),
        ("We go tomorrow, or perhaps not", ("We go tomorrow,", "or perhaps not")),
        ("one two three four", ("one two", "three four")),
        ("今天下雨，我们明天再去", ("今天下雨，", "我们明天再去")),
        ("今天下雨", ("今天", "下雨")),
        # Far from the middle, but better than within a word.
        (
            "所以，我们明天早上八点钟从北京出发去上海",
            ("所以，", "我们明天早上八点钟从北京出发去上海"),
        ),
        (
            "用 Go，我们明天早上八点钟从北京出发去上海",
            ("用 Go，", "我们明天早上八点钟从北京出发去上海"),
        ),
        *(("x", ("x", "")), ("", ("", ""))),
    ],
)
def test_texts_are_halved_where_a_speaker_would_pause(text: str, parts: tuple[str, str]) -> None:
    assert halve(text) == parts
