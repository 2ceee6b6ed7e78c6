"""The words of one side of a correction, as they look to a reader. Pure."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

from core.text.lookalikes import fold_as_latin
from core.text.scripts import DEVANAGARI, LETTER, UNSPACED

#: Python counts the vowel signs of Hindi as no letters.
_WORD = re.compile(rf"[{UNSPACED}]|[{DEVANAGARI}]+|{LETTER}+(?:'{LETTER}+)*")
_UNSPACED = re.compile(f"[{UNSPACED}]")


def split(folded: str) -> list[str]:
    """Return the words of a folded text; those of unspaced scripts by character."""
    return _WORD.findall(folded.replace("_", " "))


def list_disguised(text: str) -> list[str]:
    """Return other words that a reader may see in a text.

    Those in letters of another alphabet that look Latin, those spelled letter by letter
    ("n-o-t"), and those whose parts stand apart ("fif-teen").
    """
    words = split(fold_as_latin(text))
    spaced = [word for word in words if not _UNSPACED.match(word)]
    letters = groupby(words, key=lambda word: len(word) == 1 and word.isascii())
    spelled = ["".join(run) for is_letter, run in letters if is_letter]
    return [*words, *spelled, *(a + b for a, b in pairwise(spaced)), "".join(spaced)]
