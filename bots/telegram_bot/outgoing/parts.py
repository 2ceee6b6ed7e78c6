"""Turns a reply into the parts that Telegram takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from telegram import MessageEntity

from bots.common.text import clean, count_units, is_blank
from bots.telegram_bot.outgoing.entities import build_links, build_quote, clip
from bots.telegram_bot.outgoing.text import MAX_UNITS, split
from core.models import File, Reply
from core.safety import disable_links, restore_links

MAX_CAPTION_UNITS = 1024
#: A larger voice message is shown as a file.
MAX_VOICE_BYTES = 1_000_000
#: A reply that needs more messages than this becomes a file.
MAX_MESSAGES = 4
#: How much of a reply that became a file is shown.
BEGINNING_UNITS = 1000


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
    entities: tuple[MessageEntity, ...] = ()


Part = TextPart | FilePart


def build_parts(reply: Reply, chat_id: str = "") -> list[Part]:
    """Return what to send for `reply`, in order; never an empty list.

    The same reply always gives the same parts: the ledger counts them.
    chat_id: where it goes; links to other messages of that chat are made from it.
    """
    # What somebody said calls nobody a second time, with our name above it.
    text, quote = clean(reply.text).strip("\n"), disable_links(clean(reply.quote)).strip("\n")
    marked = TextPart(text, build_links(reply, text, chat_id))
    whole = _join(marked, quote, is_quote_first=reply.is_quote_first)
    messages = _cut(whole, MAX_UNITS)
    files = [_build_file(file) for file in reply.files]
    if not quote and _is_caption(messages, files):
        return [replace(files[0], caption=messages[0].text, entities=messages[0].entities)]
    if len(messages) > MAX_MESSAGES:
        beginning = _build_beginning(marked, quote, is_quote_first=reply.is_quote_first)
        name = "transcript.txt" if quote else "reply.txt"
        text_file = FilePart(File(name, "text/plain", restore_links(whole.text).encode()))
        return [beginning, text_file, *files]
    if not messages and not files:
        return [TextPart("…")]
    return [*messages, *files]


def halve(part: Part) -> list[Part]:
    """Return the same in two messages, an empty list if there is nothing to be parted."""
    if isinstance(part, FilePart):
        caption = TextPart(part.caption, part.entities)
        return [caption, replace(part, caption="", entities=())] if part.caption else []
    units = count_units(part.text)
    return [*_cut(part, (units + 1) // 2)] if units > 1 else []


def _join(marked: TextPart, quote: str, *, is_quote_first: bool) -> TextPart:
    """Return text and quote as one, as long as they are."""
    joiner = "\n\n" if marked.text and quote else ""
    if is_quote_first:
        before = count_units(quote + joiner)
        links = MessageEntity.shift_entities(before, marked.entities)
        return TextPart(quote + joiner + marked.text, (*build_quote(quote, 0), *links))
    before = count_units(marked.text + joiner)
    # The quote comes first in the list: of too many entities it is the one that stays.
    entities = (*build_quote(quote, before), *marked.entities)
    return TextPart(marked.text + joiner + quote, entities)


def _cut(part: TextPart, max_units: int) -> list[TextPart]:
    """Return a long text as messages, each with its share of the entities."""
    pieces, at_units = [], 0
    for piece in split(part.text, max_units):
        if not is_blank(piece):
            pieces.append(TextPart(piece, clip(part.entities, piece, at_units)))
        at_units += count_units(piece)
    return pieces


def _build_file(file: File) -> FilePart:
    if not file.mime.startswith("audio/"):
        return FilePart(file)
    is_voice = file.mime == "audio/ogg" and len(file.data) <= MAX_VOICE_BYTES
    return FilePart(file, "voice" if is_voice else "audio")


def _is_caption(messages: list[TextPart], files: list[FilePart]) -> bool:
    """Tell whether a text and a sound make one message."""
    is_sound = len(files) == 1 and files[0].kind != "document"
    return is_sound and len(messages) == 1 and count_units(messages[0].text) <= MAX_CAPTION_UNITS


def _build_beginning(marked: TextPart, quote: str, *, is_quote_first: bool) -> TextPart:
    if count_units(marked.text) > BEGINNING_UNITS:
        beginning = _begin(marked.text)
        return TextPart(f"{beginning} …", clip(marked.entities, beginning, 0))
    if not quote:
        return TextPart(marked.text or "…", marked.entities)
    return _join(marked, f"{_begin(quote)} …", is_quote_first=is_quote_first)


def _begin(text: str) -> str:
    return split(text, BEGINNING_UNITS)[0].rstrip()
