"""Fuzzy search for the misheard form of a word, by spelling and pronunciation."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from core.text.scripts import LETTER, UNSPACED

_WORD = re.compile(rf"{LETTER}+(?:['’-]{LETTER}+)*")

#: Longest phrase that is compared.
_MAX_WORDS = 3
#: Least similarity of two phrases, from 0 to 1; short ones are similar by chance.
_LEAST, _LEAST_SHORT, _SHORT_CHARS = 0.6, 0.74, 4
#: The same in Chinese: half of the characters.
_LEAST_UNSPACED = 0.49
#: Penalty for each word that a phrase has more or less than the right one.
_PER_WORD = 0.12
#: The rest of a longer text is not searched.
_MAX_SEARCHED_CHARS = 100_000


def find_misheard(text: str, meant: str, *, least: float = 0.0) -> str | None:
    """Return the words of `text` that were most likely transcribed in place of `meant`.

    least: the least similarity, where it is to be more than usual.
    The first of equally similar ones; None if no words are similar in spelling or pronunciation.
    """
    # Only here: 6 MB that the program needs when somebody names a right word, and else never.
    from rapidfuzz.distance.Indel import normalized_similarity as similarity

    is_unspaced = bool(re.search(f"[{UNSPACED}]", meant))
    windows = _unspaced_windows(text, meant) if is_unspaced else _windows(text)
    folded = {window: _fold(window) for window in windows}
    target, key, words = _fold(meant), _sound_key(meant), len(meant.split())
    is_risky = len(target) <= _SHORT_CHARS or target in folded.values()
    usual = _LEAST_UNSPACED if is_unspaced else _LEAST_SHORT if is_risky else _LEAST
    best, best_score = "", max(least, usual)
    for window, letters in folded.items():
        extra = len(window.split()) - words
        # The right words, with a neighbour or without, were not misheard.
        is_right = letters == target or (extra > 0 and target in letters)
        if is_right or abs(len(letters) - len(target)) * 2 > len(target):
            continue
        penalty, spelling = _PER_WORD * abs(extra), similarity(letters, target)
        # Keys take longer than ratios: only where a perfect one could still win.
        if (spelling + 1) / 2 - penalty <= best_score:
            continue
        score = max(spelling, (spelling + similarity(_sound_key(window), key)) / 2) - penalty
        if score > best_score:
            best, best_score = window, score
    return " ".join(best.split()) or None


def _windows(text: str) -> list[str]:
    """Return the phrases of one to three words in `text`."""
    spans = [found.span() for found in _WORD.finditer(text, 0, _MAX_SEARCHED_CHARS)]
    # A phrase does not cross the end of a sentence.
    breaks = [bool(re.search(r"[^\s,'’-]", text[a[1] : b[0]])) for a, b in pairwise(spans)]
    found = []
    for first in range(len(spans)):
        for last in range(first, min(first + _MAX_WORDS, len(spans))):
            if last > first and breaks[last - 1]:
                break
            window = text[spans[first][0] : spans[last][1]]
            # "an a" is not a name.
            if first == last or not re.match(r".\s|.*\s.$", window):
                found.append(window)
    return found


def _unspaced_windows(text: str, meant: str) -> list[str]:
    """Return all runs of as many characters as `meant` has, and of one more or less.

    `meant` itself and its parts are not among them.
    """
    runs = re.findall(f"[{UNSPACED}]+", text[:_MAX_SEARCHED_CHARS].replace(meant, " "))
    sizes = [n for n in (len(meant), len(meant) - 1, len(meant) + 1) if n > 0]
    return [run[at : at + n] for n in sizes for run in runs for at in range(len(run) - n + 1)]


def _fold(text: str) -> str:
    """Return the letters of `text` without case, accents and spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    return "".join(c for c in plain if c.isalnum())


_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})

#: Spellings of the same sound in Latin letters, replaced in this order.
_SPELLINGS = tuple(
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
    """Return a rough phonetic key of `text`: its consonants, similar ones made equal."""
    key = _fold(text)
    for pattern, sound in _SPELLINGS:
        key = pattern.sub(sound, key)
    return key
