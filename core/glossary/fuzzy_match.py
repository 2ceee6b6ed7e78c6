"""What was heard instead of what is meant: alike in letters or in sound."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import pairwise

from core.text.scripts import LETTER, UNSPACED

_WORD = re.compile(rf"{LETTER}+(?:['’-]{LETTER}+)*")

#: Words of a phrase that may have been heard as another number of words.
_MAX_WORDS = 3
#: How alike two phrases must be, from 0 to 1; chance makes short ones alike.
_NEAR, _NEAR_SHORT, _SHORT_CHARS = 0.6, 0.74, 4
#: The same of Chinese: half of the characters.
_NEAR_DENSE = 0.49
#: What a window loses for each word that it has more or less than what is meant.
_PER_WORD = 0.12
#: More of a text is not searched.
_MAX_SEARCHED_CHARS = 100_000


def find_heard(text: str, meant: str) -> str | None:
    """Return the words in `text` that most likely should be `meant`, None if none are near.

    Looks at letters and at how they sound; of two that are equally near it takes the first.
    """
    text = text[:_MAX_SEARCHED_CHARS]
    is_dense = re.search(f"[{UNSPACED}]", meant) is not None
    windows = dict.fromkeys(_dense_windows(text, meant) if is_dense else _windows(text))
    target = _fold(meant)
    is_risky = len(target) <= _SHORT_CHARS or any(_fold(w) == target for w in windows)
    best, best_score = None, _NEAR_DENSE if is_dense else _NEAR_SHORT if is_risky else _NEAR
    likeness = _Likeness(meant)
    for window in windows:
        score = likeness.score(window, best_score)
        if score > best_score:
            best, best_score = window, score
    return best and " ".join(best.split())


class _Likeness:
    """How like one phrase others are, from 0 to 1."""

    def __init__(self, meant: str) -> None:
        self._letters, self._words = _fold(meant), len(meant.split())
        self._set, self._sounds = set(self._letters), _sound_key(meant)
        self._matcher = SequenceMatcher(None, "", self._letters, autojunk=False)

    def score(self, window: str, least: float) -> float:
        """Return how like it `window` is; 0 where it is the same or surely below `least`."""
        letters = _fold(window)
        size = len(self._letters)
        shared = len(self._set & set(letters))
        is_far = abs(len(letters) - size) * 2 > size or shared * 2 < len(self._set)
        extra = len(window.split()) - self._words
        # What is meant, with a neighbour or without, was heard rightly.
        is_there = letters == self._letters or (extra > 0 and self._letters in letters)
        if is_far or is_there:
            return 0.0
        lost = _PER_WORD * abs(extra)
        self._matcher.set_seq1(letters)
        if (self._matcher.quick_ratio() + 1) / 2 - lost <= least:
            return 0.0
        alike = self._matcher.ratio()
        sounds = SequenceMatcher(None, _sound_key(window), self._sounds, autojunk=False)
        return max(alike, (alike + sounds.ratio()) / 2) - lost


def _windows(text: str) -> list[str]:
    """Return the phrases of one to three words, as they stand in `text`."""
    places = [found.span() for found in _WORD.finditer(text)]
    # Words of two sentences are no phrase.
    breaks = [bool(re.search(r"[^\s,'’-]", text[a[1] : b[0]])) for a, b in pairwise(places)]
    found = []
    for first in range(len(places)):
        for last in range(first, min(first + _MAX_WORDS, len(places))):
            if last > first and breaks[last - 1]:
                break
            window = text[places[first][0] : places[last][1]]
            # "an a" is no name.
            if first == last or not re.match(r".\s|.*\s.$", window):
                found.append(window)
    return found


def _dense_windows(text: str, meant: str) -> list[str]:
    """Return all runs of as many characters as `meant` has, and of one more or less."""
    runs = re.findall(f"[{UNSPACED}]+", text)
    sizes = [n for n in (len(meant), len(meant) - 1, len(meant) + 1) if n > 0]
    return [run[at : at + n] for n in sizes for run in runs for at in range(len(run) - n + 1)]


def _fold(text: str) -> str:
    """Return the bare letters of `text`: no case, no accents, no spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_BARE))
    return "".join(c for c in plain if c.isalnum())


_BARE = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})

#: Spellings of one sound in Latin letters, applied in order.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("sch|tsch|tch|sh|sz|cz|ch(?=[aeiouy])", "s"),
        ("ph|[vw]", "f"),
        ("c(?=[eiy])|z", "s"),
        ("ck|qu|[cqg]", "k"),
        ("x", "ks"),
        ("[dt]+", "t"),
        ("(?<=.)[aeiouyhj]", ""),
        ("^[aeiouyhj]", "a"),
        (r"(.)\1+", r"\1"),
    )
)


def _sound_key(text: str) -> str:
    """Return a rough key of how `text` sounds: its consonants, alike ones made equal."""
    key = _fold(text)
    for pattern, sound in _SOUNDS:
        key = pattern.sub(sound, key)
    return key
