"""Shorter texts: pieces for an engine, cut where a speaker would pause; beginnings; names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from core.text.scripts import guess_language

#: Default length of the first piece: short, so that playback starts early.
FIRST_CHARS = 200
#: Of a name that is shown: Telegram allows 128, which would fill two rows of a phone.
MAX_NAME_CHARS = 32

#: Ends of sentences, then those of clauses, then spaces: where `halve` cuts, the best first.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)]*+(?=\s)|[。！？]+[”’」』）)]*")
#: Ends of clauses, but not inside numbers and times ("1,000", "10:30").
_CLAUSE_END = re.compile(r"[，、；：—…]+[”’」』）)]*|[,;:](?=\s)|(?<=\s)[-–](?=\s)")
_SPACE = re.compile(r"\s+")
_BRACKETS = re.compile(r"\[[^\[\]\n]{1,40}\]|\([^()\n]{1,40}\)|（[^（）\n]{1,40}）")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINER = "\u200d"


def split_speech(text: str, max_chars: int, *, first_max_chars: int = FIRST_CHARS) -> list[str]:
    """Return `text` in non-empty pieces of at most `max_chars`; only white space is dropped.

    Each piece holds as many sentences as fit. A sentence that is too long is cut after a clause,
    else at a space, else between characters. The first piece has at most `first_max_chars` if a
    sentence or clause ends within them.
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


def shorten_name(name: str) -> str:
    """Return a person's name on one line, with at most `MAX_NAME_CHARS` characters."""
    name = " ".join(name.split())
    return name if len(name) <= MAX_NAME_CHARS else f"{name[: MAX_NAME_CHARS - 1].rstrip()}…"


def shorten(text: str, max_chars: int) -> str:
    """Return the first sentences of `text` that fit into `max_chars`.

    If not even one fits, its beginning up to the end of a clause or word, and "…".
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


def halve(text: str) -> tuple[str, str]:
    """Return `text` in two parts of about the same length, the second one empty if it cannot be.

    It is cut after a sentence or clause or at a space: in its middle half, else anywhere. Only
    where there is none, it is cut between characters.
    """
    text, middle = text.strip(), len(text.strip()) / 2
    for most_off in (middle / 2, middle):
        for pattern in (_SENTENCE_END, _CLAUSE_END, _SPACE):
            ends = [found.end() for found in pattern.finditer(text) if found.end() < len(text)]
            at = min(ends, key=lambda end: abs(end - middle), default=0)
            if at and abs(at - middle) <= most_off:
                return text[:at].rstrip(), text[at:].lstrip()
    at = _hard_cut(text, round(middle)) if len(text) > 1 else len(text)
    return text[:at], text[at:]


def split_sentences(text: str) -> list[str]:
    """Return the sentences without the white space around them."""
    return [sentence.strip() for sentence in _sentences(text) if sentence.strip()]


def _sentences(text: str) -> list[str]:
    """Return the sentences, each with the white space after it: joined, they are `text`."""
    # Only here: most notes need no sentences. It is written in Rust and rejects lone surrogates.
    from sentencex import segment

    found = segment(guess_language(text), _SURROGATE.sub("\ufffd", text))
    sentences, start = [], 0
    for length in map(len, found):
        sentences.append(text[start : start + length])
        start += length
    return [*sentences, text[start:]] if start < len(text) else sentences


def _first_sentence_cut(sentences: list[str], first_chars: int, max_chars: int) -> Iterator[str]:
    """Yield the sentences; a first one that is too long comes in two, parted after a clause."""
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


def _last_cut(pattern: re.Pattern[str], text: str, max_chars: int, at_least: int = 1) -> int:
    """Return the end of the last match within the limit and outside brackets, 0 if none."""
    spans = [match.span() for match in _BRACKETS.finditer(text, 0, max_chars + 42)]
    ends = [
        match.end()
        for match in pattern.finditer(text, 0, max_chars + 1)
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
    """Return True if a cut at `at` would split what people see as one character."""
    before, after = text[at - 1], text[at]
    return (
        unicodedata.category(after).startswith("M")
        or _JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
    )
