"""Search terms of texts in any language. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from core.text.scripts import HANGUL, SOUTHEAST_ASIAN, UNSPACED

#: Scripts that are searched by pairs of characters: no space ends a word, or endings abound.
_PAIRED = UNSPACED + SOUTHEAST_ASIAN + HANGUL
_RUNS = re.compile(rf"([{_PAIRED}]+)|[^\W_{_PAIRED}]+")
_APOSTROPHE = re.compile(r"['’](?:s|re|ve|ll|d|m|t)\b")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that say nothing about the topic of a text.
_STOP = _words(
    "a about after again all also always am an and any anybody anyone anything are aren as ask at"
    " be because been before being both but by can could did didn do does doesn doing don done"
    " down each else even ever every few for from get gets getting go goes going gonna got had has"
    " have having he her here hers him his how i if in into is isn it its just know let like lot"
    " made make many may maybe me mention mentioned might mine more most much must my need no"
    " nor not now of off oh ok okay on one only or other our out over own please really recording"
    " said same say saying says shall she should so some somebody someone something still such"
    " summarize talk talked talking tell telling tells than that the their them then there these"
    " they thing things think this those though through to told too uh um under until up us very"
    " voice was wasn we well were what whatever when where which while who whom"
    " whose why will with would yeah yes yet you your yours"
)
#: Chinese function characters; runs are split at them.
_STOP_HAN = re.compile("[的了吗呢吧啊呀嘛哦嗯在是我你您他她它们这那哪和与及或也都就把被很还又]")
_STOP_PAIRS = _words(
    "什么 怎么 么时 时候 为什 多少 几个 谁说 说什 说过 一个 一下 没有 不要 可以 因为 所以 如果 但是"
    " 然后 现在 知道 觉得 什麼 怎麼 麼時 時候 為什 說什 說過 因為 現在"
)
#: Of each group the first ending that fits is removed: first the plural, then the rest.
_ENDINGS = (("ies", "es", "s"), ("ied", "ingly", "edly", "ing", "ed", "ly"))
_MIN_STEM_CHARS = 3


def count_terms(text: str) -> Counter[str]:
    """Return the terms of `text` and their counts.

    Stems of words, without stop words; pairs of characters in scripts without spaces.
    """
    found: Counter[str] = Counter()
    plain = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).lower())
    for run in _RUNS.finditer(plain):
        if run.group(1):
            found.update(_split_pairs(run.group(1)))
        elif (word := run.group()) not in _STOP:
            found[stem(word)] += 1
    return found


def stem(word: str) -> str:
    """Return an English word without its commonest endings; query and text are treated alike."""
    if not word.isascii() or word.isdigit():
        return word
    for group in _ENDINGS:
        word = _cut(word, group)
    return _even(word)


def _cut(word: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= _MIN_STEM_CHARS and not word.endswith("ss"):
            return rest + "y" if ending in ("ies", "ied") else rest
    return word


def _even(word: str) -> str:
    """Return the common form of related stems: "decide" as "decid", "plann" as "plan"."""
    if len(word) > _MIN_STEM_CHARS and word[-1] == word[-2] and word[-1] not in "aeiosl":
        return word[:-1]
    if len(word) > _MIN_STEM_CHARS and word.endswith("e"):
        return word[:-1]
    return word[:-1] + "i" if len(word) > _MIN_STEM_CHARS and word.endswith("y") else word


def _split_pairs(run: str) -> list[str]:
    terms: list[str] = []
    for part in filter(None, _STOP_HAN.split(run)):
        if len(part) == 1:
            terms.append(part)
        terms += [part[n : n + 2] for n in range(len(part) - 1)]
    return [term for term in terms if term not in _STOP_PAIRS]
