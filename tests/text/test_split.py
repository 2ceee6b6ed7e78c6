from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.split import shorten, split_speech

SENTENCES = [
    "Dr. Lee paid $3.50 on Jan. 5.",
    "She left at 10:30, walked 1,000 steps, and sat down.",
    "Was it far? No!",
]
ENGLISH = " ".join(SENTENCES)
CHINESE = "今天天气很好。我们去公园吧！你想几点出发？我都可以，你来决定。"

letters = st.text(
    st.one_of(
        st.sampled_from("ab d.!?,;: \n。，！？；—…“”()[]好的我们e\u0301\u200d👩🏽"), st.characters()
    ),
    max_size=300,
)


def bare(text: str) -> str:
    return "".join(text.split())


@given(letters, st.integers(1, 60), st.integers(1, 60))
def test_nothing_is_lost_and_limits_hold(text: str, max_chars: int, first: int) -> None:
    pieces = split_speech(text, max_chars, first_max_chars=first)
    assert bare("".join(pieces)) == bare(text)
    assert all(piece.strip() == piece and 0 < len(piece) <= max_chars for piece in pieces)


@given(letters)
def test_a_combining_mark_stays_with_its_letter(text: str) -> None:
    _, *later = split_speech("e\u0301" * 30 + text, 7)
    assert len(later) >= 60 // 7 and not unicodedata.combining(later[0][0])


@given(letters, st.integers(0, 60))
def test_a_short_version_fits(text: str, max_chars: int) -> None:
    short = shorten(text, max_chars)
    assert len(short) <= max_chars
    assert bare(text).startswith(bare(short.removesuffix("…")))


def test_sentences_stay_whole() -> None:
    assert split_speech(ENGLISH, 60) == SENTENCES
    chinese = ["今天天气很好。我们去公园吧！", "你想几点出发？", "我都可以，你来决定。"]
    assert split_speech(CHINESE, 16) == chinese


def test_a_long_sentence_is_cut_after_a_clause_then_at_a_space_then_anywhere() -> None:
    left = ["She left at 10:30, walked 1,000 steps,", "and sat down."]
    assert split_speech(" ".join(left), 38) == left
    assert split_speech("one two three four", 9) == ["one two", "three", "four"]
    assert split_speech("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    home = ["我先去买菜，", "然后回家做饭等你回来吃"]
    assert split_speech("".join(home), 12) == home


def test_the_first_piece_is_short() -> None:
    text = "Short start. " + "This is another sentence of some length. " * 10
    pieces = split_speech(text, 400, first_max_chars=60)
    assert pieces[0] == "Short start. This is another sentence of some length."
    assert len(pieces[1]) > 300


def test_a_long_first_sentence_is_cut_at_a_clause_only() -> None:
    parts = ["When the rain had stopped at last,", "we walked down to the river and sat there."]
    assert split_speech(" ".join(parts), 200, first_max_chars=40) == parts
    whole = "We walked down to the river and sat there until the evening came."
    assert split_speech(whole, 200, first_max_chars=20) == [whole]


def test_an_audio_tag_is_not_cut() -> None:
    text = "I ran all the way here [heavy breathing] and now"
    assert all("[heavy" not in p or "breathing]" in p for p in split_speech(text, 32))


def test_empty_texts_and_half_characters() -> None:
    for text in ("", "  \n ", "\u3000"):
        assert split_speech(text, 10) == []
    assert split_speech("ab \ud83d cd", 100) == ["ab \ud83d cd"], "half a character"
    with pytest.raises(ValueError, match="at least 1"):
        split_speech("a", 0)


def test_shorten_keeps_whole_sentences() -> None:
    assert shorten(ENGLISH, 90) == " ".join(SENTENCES[:2])
    assert shorten(CHINESE, 15) == "今天天气很好。我们去公园吧！"
    assert shorten("She left at 10:30, walked a thousand steps", 24) == "She left at 10:30…"
    assert shorten("short", 10) == "short"
