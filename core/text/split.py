"""Long texts in pieces that an engine takes, cut where a speaker would pause."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import sentencex

from core.text.scripts import guess_language

#: Length of the first piece where no other is asked: sound starts early.
FIRST_CHARS = 200

#: After these a speaker pauses. Those of numbers and times ("1,000", "10:30") do not count.
_CLAUSE_END = re.compile(r"[，、；：—…]+[”’」』）)]*|[,;:](?=\s)|(?<=\s)[-–](?=\s)")
_SPACE = re.compile(r"\s+")
_BRACKETS = re.compile(r"\[[^\[\]\n]{1,40}\]|\([^()\n]{1,40}\)|（[^（）\n]{1,40}）")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINER = "\u200d"


def split_speech(text: str, max_chars: int, *, first_max_chars: int = FIRST_CHARS) -> list[str]:
    """Return `text` in pieces of at most `max_chars`, none empty, nothing but white space lost.

    Sentences are packed together. One that is too long is cut after a clause, else at a space,
    else anywhere but inside a character. The first piece has at most `first_max_chars` where a
    sentence or a clause ends before that.
    """
    if max_chars < 1:
        raise ValueError("max_chars must be at least 1")
    first_chars = min(max(first_max_chars, 1), max_chars)
    pieces: list[str] = []
    piece = ""
    for sentence in _first_sentence_cut(_sentences(text), first_chars, max_chars):
        limit = max_chars if pieces else first_chars
        if piece.strip() and len((piece + sentence).strip()) > limit:
            pieces.append(piece.strip())
            piece = ""
        piece = (piece + sentence).lstrip()
        *whole, piece = _cut(piece, max_chars)
        pieces += whole
    if piece.strip():
        pieces.append(piece.strip())
    return pieces


def shorten(text: str, max_chars: int) -> str:
    """Return the first whole sentences of `text` that fit into `max_chars`.

    Where not even one fits: its beginning, cut after a clause or a word, and "…".
    """
    text = text.strip()
    if len(text) <= max_chars:
        return text
    short = ""
    for sentence in _sentences(text):
        if len((short + sentence).strip()) > max_chars:
            break
        short += sentence
    if short.strip() or max_chars < 2:
        return short.strip()
    return _cut(text, max_chars - 1)[0].rstrip("，,；;：:、—-… ") + "…"


def _sentences(text: str) -> list[str]:
    """Return the sentences with the white space after them: joined, they are `text`."""
    # The splitter is not written in Python and takes no half characters.
    found = sentencex.segment(guess_language(text), _SURROGATE.sub("\ufffd", text))
    sentences, start = [], 0
    for length in map(len, found):
        sentences.append(text[start : start + length])
        start += length
    return [*sentences, text[start:]] if start < len(text) else sentences


def _first_sentence_cut(sentences: list[str], first_chars: int, max_chars: int) -> Iterator[str]:
    """Yield the sentences, the first in two if it is too long to start with and has a clause."""
    start = next((n for n, sentence in enumerate(sentences) if sentence.strip()), len(sentences))
    for number, sentence in enumerate(sentences):
        text = sentence.lstrip() if number == start else sentence
        at = 0
        if number == start and first_chars < max_chars and len(text.strip()) > first_chars:
            at = _last_cut(_CLAUSE_END, text, first_chars)
        if at:
            yield text[:at]
        yield text[at:]


def _cut(text: str, max_chars: int) -> list[str]:
    """Return `text` in pieces of at most `max_chars`; all but the last are stripped."""
    pieces = []
    while len(text.rstrip()) > max_chars:
        at = (
            _last_cut(_CLAUSE_END, text, max_chars, at_least=max_chars // 3)
            or _last_cut(_SPACE, text, max_chars)
            or _hard_cut(text, max_chars)
        )
        pieces.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*pieces, text]


def _last_cut(mark: re.Pattern[str], text: str, max_chars: int, at_least: int = 1) -> int:
    """Return the end of the last `mark` within the limit and outside of brackets, 0 if none."""
    spans = [match.span() for match in _BRACKETS.finditer(text, 0, max_chars + 42)]
    ends = [
        match.end()
        for match in mark.finditer(text, 0, max_chars + 1)
        if at_least <= len(text[: match.end()].rstrip()) <= max_chars
        and not any(start < match.end() < end for start, end in spans)
    ]
    return ends[-1] if ends else 0


def _hard_cut(text: str, max_chars: int) -> int:
    at = max_chars
    while at > 1 and _is_inside_character(text, at):
        at -= 1
    return at if at > 1 or not _is_inside_character(text, 1) else max_chars


def _is_inside_character(text: str, at: int) -> bool:
    """Tell whether what people see as one character has parts on both sides of `at`."""
    before, after = text[at - 1], text[at]
    return (
        unicodedata.category(after).startswith("M")
        or _JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )
