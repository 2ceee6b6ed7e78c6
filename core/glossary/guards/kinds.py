"""Days, months, times of day, units and numbers: whether a text has others than another. Pure.

Each language is compared with itself alone: "Dan" and "Den" are days in two languages, and names
in others. So one that stands on one side only is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from core.glossary.guards.words import split
from core.text.lookalikes import fold
from core.text.scripts import HANGUL, SOUTHEAST_ASIAN, UNSPACED

#: Scripts in which words stand within others, and one whose vowels Python counts as no letters.
_JOINED = re.compile(f"[{UNSPACED}{SOUTHEAST_ASIAN}]")
_INDIC = re.compile("[\u0980-\u0dff]+")
#: What Arabic and Hebrew write with the word that follows: "and", prepositions, and the article.
_PREFIX, _ARTICLE = (
    re.compile("^(?:[وفبكل]|[ובלמש])(?=..)"),
    re.compile("^(?:[وفبك]?ال|لل|ה)(?=..)"),
)
#: What Korean writes with the word before it, and nouns that end otherwise in other cases: the
#: shortest that do here, and what stays and may follow.
_HANGUL = re.compile(f"[{HANGUL}]{{2,}}")
_LEAST_INFLECTED, _LEAST_STEM, _MAX_ENDING = 5, 4, 4
_UNINFLECTED = frozenset({"en", "fr", "es", "it", "pt", "id", "ms", "sw", "ko"})

#: Language and kind.
Meaning = tuple[str, str]
#: The words of the Unicode project, and more: relative days, numbers, what happens every week.
_FILES = ("calendar.txt", "by_hand.txt")


class _Words(NamedTuple):
    whole: Mapping[str, set[Meaning]]
    stems: Mapping[str, set[Meaning]]
    joined: Mapping[str, set[Meaning]]
    #: Finds the joined ones, the longest first.
    pattern: re.Pattern[str]


def has_other_kinds(one: str, other: str) -> bool:
    """Return True if both texts have such words in a language, but not the same in this order."""
    left, right = _list_kinds(one), _list_kinds(other)
    return any(left[language] != right[language] for language in left.keys() & right.keys())


def _list_kinds(text: str) -> dict[str, list[set[str]]]:
    """Return what each word of a text may mean, by language."""
    folded, words = fold(text), _load()
    found: dict[str, list[set[str]]] = {}
    meanings = [_read(word, words) for word in (*split(folded), *_INDIC.findall(folded))]
    meanings += [words.joined[part] for part in words.pattern.findall(folded)]
    for meaning in meanings:
        of_word: dict[str, set[str]] = {}
        for language, kind in meaning:
            of_word.setdefault(language, set()).add(kind)
        for language, kinds in of_word.items():
            found.setdefault(language, []).append(kinds)
    return found


def _read(word: str, words: _Words) -> set[Meaning]:
    """Return what a word may mean, without what is written with it."""
    beginnings = [word[:end] for end in range(len(word), 1, -1)]
    forms = [word, _PREFIX.sub("", word), _ARTICLE.sub("", word)]
    forms += beginnings if _HANGUL.match(word) else []
    for form in forms:
        if form in words.whole:
            return words.whole[form]
    stems = (one for one in beginnings[: _MAX_ENDING + 1] if one in words.stems)
    return next((words.stems[stem] for stem in stems), set())


@cache
def _load() -> _Words:
    whole: dict[str, set[Meaning]] = {}
    stems: dict[str, set[Meaning]] = {}
    joined: dict[str, set[Meaning]] = {}
    for name in _FILES:
        text = files("core.glossary.guards").joinpath(name).read_text(encoding="utf-8")
        for language, kind, *words in map(str.split, text.splitlines()):
            for word in words:
                kept = joined if _JOINED.search(word) else whole
                kept.setdefault(word, set()).add((language, kind))
                if len(word) >= _LEAST_INFLECTED and language not in _UNINFLECTED:
                    stem = word[: max(_LEAST_STEM, len(word) - 2)]
                    stems.setdefault(stem, set()).add((language, kind))
    longest_first = sorted(joined, key=len, reverse=True)
    return _Words(whole, stems, joined, re.compile("|".join(longest_first)))
