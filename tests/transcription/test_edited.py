"""Edited transcripts: which words belong to which time."""

from __future__ import annotations

import pytest

from core.models import Segment, Transcript
from core.transcription.edited import edit

FORMER = Transcript("", (Segment(0.0, 2.0, "We begin."), Segment(2.0, 4.0, "She leaves.")), 4.0)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("We begin. “She leaves.”", "We begin.", "“She leaves.”"),
        ("We begin (she leaves)", "We begin", "(she leaves)"),
        # At once, though no word follows for long.
        (f"We begin{' ' * 200_000}. She leaves", "We begin .", "She leaves"),
        (f"We begin{'-' * 200_000}. She leaves", f"We begin{'-' * 200_000}.", "She leaves"),
    ],
    ids=["quote", "bracket", "spaces", "dashes"],
)
def test_what_opens_a_sentence_moves_with_it(text: str, first: str, second: str) -> None:
    found = edit(FORMER, text, "key").segments
    assert found == (Segment(0.0, 2.0, first), Segment(2.0, 4.0, second))
