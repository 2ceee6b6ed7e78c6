"""What is learned from an edited transcript, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.glossary.replacements import find_replacements
from core.models import Correction, Segment, Transcript
from core.text.moments import find_moments
from core.transcription.edited import edit

SAID = "I met mister Kovalsky at the harbour. Yes. Then the cat sat on the mat. 我认识王小明先生。"


def learned(old: str, new: str) -> list[tuple[str, str]]:
    assert old in SAID
    return [(one.heard, one.meant) for one in find_replacements(SAID, SAID.replace(old, new))]


@pytest.mark.finding(23)
@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("Kovalsky", "Kowalski", [("Kovalsky", "Kowalski")]),
        ("mister Kovalsky at", "Mr Kowalski at", [("mister Kovalsky", "Mr Kowalski")]),
        ("the cat", "this cat", [("Then the", "Then this")]),
        ("王小明", "王晓明", [("王小", "王晓")]),
        # A whole sentence, or most of one.
        ("Yes.", "No.", []),
        ("the cat sat on the mat", "the dogs ran over the hill", []),
        ("I met mister Kovalsky at the harbour", "We saw him there", []),
        (SAID, "Something else", []),
        # Nothing was misheard.
        ("harbour. Yes.", "harbour, yes!", []),
        ("Then the cat", "then the Cat", []),
        ("the cat sat", "the old cat sat", []),
        (" at the harbour", "", []),
    ],
)  # fmt: skip
def test_short_replacements_are_learned(old: str, new: str, found: list[tuple[str, str]]) -> None:
    assert learned(old, new) == found


def test_a_day_of_talk_is_compared() -> None:
    """In a second; with work that grows by the square it would be minutes."""
    talk = " ".join(f"Word{n} and so on it went with Kovalsky." for n in range(10_000))
    found = find_replacements(talk, talk.replace("Kovalsky", "Kowalski"))
    assert found == (Correction("Kovalsky", "Kowalski"),)


WORDS = st.text(alphabet="ab 日.,!\n“”", max_size=40)


@given(st.lists(WORDS, max_size=6), WORDS)
def test_every_edit_keeps_all_its_words_in_order_and_in_time(said: list[str], text: str) -> None:
    segments = tuple(Segment(3.0 * n, 3.0 * n + 2, words) for n, words in enumerate(said))
    former = Transcript(" ".join(said), segments, 3.0 * len(said))
    edited = edit(former, text, "key")
    assert edited.text == text
    shown = find_moments(edited)
    assert "".join("".join(one.text for one in shown).split()) == "".join(text.split())
    assert [one.start_s for one in shown] == sorted({one.start_s for one in shown})
    assert find_replacements(former.text, former.text) == ()
