"""Turns a reply into the parts that Telegram takes. Pure.

Telegram counts text and entities in UTF-16 units; a message holds 4096 of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from telegram import MessageEntity

from core.models import File, Reply

MAX_UNITS = 4096
MAX_CAPTION_UNITS = 1024
#: A larger voice message is shown as a file.
MAX_VOICE_BYTES = 1_000_000
#: A reply that needs more messages than this becomes a file.
MAX_MESSAGES = 4
#: A quote above either is folded.
FOLD_CHARS = 300
FOLD_LINES = 5
#: How much of a reply that became a file is shown.
BEGINNING_UNITS = 1000

# Control characters, overrides of the writing direction, halves of surrogate pairs.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Where a text may be cut, the best first; the cut is behind the match.
_BREAKS = ("\n\n", "\n", re.compile(r"[.!?。！？…]\s*"), re.compile(r"\s"))


@dataclass(frozen=True, slots=True)
class TextPart:
    """One message of text. Entities count from its start, in UTF-16 units."""

    text: str
    entities: tuple[MessageEntity, ...] = ()


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file, and how it is shown: to be loaded, in the music player, as a voice message."""

    file: File
    kind: Literal["document", "audio", "voice"] = "document"
    #: The text of the reply, where it fits under its only sound.
    caption: str = ""


Part = TextPart | FilePart


def build_parts(reply: Reply) -> list[Part]:
    """Return what to send for `reply`, in order; never an empty list.

    The same reply always gives the same parts: the ledger counts them.
    """
    text, quote = clean(reply.text).strip("\n"), clean(reply.quote).strip("\n")
    files = [_build_file(file) for file in reply.files]
    messages = _build_messages(text, quote)
    if not quote and _is_caption(messages, files):
        return [replace(files[0], caption=messages[0].text)]
    if len(messages) > MAX_MESSAGES:
        return [_build_beginning(text, quote), _build_text_file(text, quote), *files]
    if not messages and not files:
        return [TextPart("…")]
    return [*messages, *files]


def halve(part: Part) -> list[Part]:
    """Return the same in two messages, an empty list if there is nothing to be parted."""
    if isinstance(part, FilePart):
        return [TextPart(part.caption), replace(part, caption="")] if part.caption else []
    units = count_units(part.text)
    return [TextPart(half) for half in split(part.text, max(1, units // 2))] if units > 1 else []


def clean(text: str) -> str:
    """Return `text` without characters that disturb the screen or that Telegram refuses."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Tell whether nobody would see anything: Telegram refuses such a message."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


def count_units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def split(text: str, max_units: int = MAX_UNITS) -> list[str]:
    """Cut `text` into pieces of at most `max_units`, between words where that can be.

    Joined again, the pieces are the text. Characters outside the basic plane stay whole.
    """
    pieces = []
    while text:
        window = head(text, max_units)
        cut = len(window) if len(window) == len(text) else _find_break(window)
        pieces.append(text[:cut])
        text = text[cut:]
    return pieces


def head(text: str, max_units: int) -> str:
    """Return the beginning of `text` that fits `max_units`, at least one character."""
    window = text[:max_units]
    while len(window) > 1 and (over := count_units(window) - max_units) > 0:
        window = window[: len(window) - max(1, over // 2)]
    return window


def tail(text: str, max_units: int = MAX_UNITS) -> str:
    """Return the end of `text` that fits `max_units`, marked if something is left out."""
    if count_units(text) <= max_units:
        return text
    return "…" + head(text[::-1], max_units - 1)[::-1]


def _find_break(window: str) -> int:
    # A cut in the first half would make needlessly many messages.
    for mark in _BREAKS:
        cut = _last_end(window, mark)
        if cut > len(window) // 2:
            return cut
    # A joined emoji or an accent belongs to the character before it.
    cut = len(window)
    while cut > len(window) - 20 and cut > 1 and _is_joined(window, cut):
        cut -= 1
    return cut


def _is_joined(window: str, cut: int) -> bool:
    return window[cut - 1] == "\u200d"


def _last_end(window: str, mark: str | re.Pattern[str]) -> int:
    if isinstance(mark, str):
        return window.rfind(mark) + len(mark) if mark in window else 0
    return max((match.end() for match in mark.finditer(window)), default=0)


def _build_file(file: File) -> FilePart:
    if not file.mime.startswith("audio/"):
        return FilePart(file)
    is_voice = file.mime == "audio/ogg" and len(file.data) <= MAX_VOICE_BYTES
    return FilePart(file, "voice" if is_voice else "audio")


def _is_caption(messages: list[TextPart], files: list[FilePart]) -> bool:
    """Tell whether a text and a sound make one message."""
    is_sound = len(files) == 1 and files[0].kind != "document"
    return is_sound and len(messages) == 1 and count_units(messages[0].text) <= MAX_CAPTION_UNITS


def _build_messages(text: str, quote: str) -> list[TextPart]:
    joiner = "\n\n" if text and quote else ""
    source = text + joiner + quote
    start = len(text) + len(joiner)
    folded = _is_long(quote)
    parts, at = [], 0
    for piece in split(source):
        quoted_from = max(0, start - at)
        if not is_blank(piece):
            parts.append(TextPart(piece, tuple(_quote_entities(piece, quoted_from, folded))))
        at += len(piece)
    return parts


def _quote_entities(piece: str, quoted_from: int, is_folded: bool) -> Iterator[MessageEntity]:
    length = count_units(piece[quoted_from:].rstrip())
    if length > 0:
        kind = MessageEntity.EXPANDABLE_BLOCKQUOTE if is_folded else MessageEntity.BLOCKQUOTE
        yield MessageEntity(kind, count_units(piece[:quoted_from]), length)


def _is_long(quote: str) -> bool:
    return len(quote) > FOLD_CHARS or quote.count("\n") >= FOLD_LINES


def _build_beginning(text: str, quote: str) -> TextPart:
    shown = text if count_units(text) <= BEGINNING_UNITS else _beginning(text)
    if shown != text or not quote:
        return TextPart(shown or "…")
    return _build_messages(shown, _beginning(quote))[0]


def _beginning(text: str) -> str:
    return split(text, BEGINNING_UNITS)[0].rstrip() + " …"


def _build_text_file(text: str, quote: str) -> FilePart:
    joiner = "\n\n" if text and quote else ""
    name = "transcript.txt" if quote else "reply.txt"
    return FilePart(File(name, "text/plain", (text + joiner + quote).encode()))
