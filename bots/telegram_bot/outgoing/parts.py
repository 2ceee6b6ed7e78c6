"""Splits a reply into the messages and files that Telegram accepts. Pure.

Telegram counts in UTF-16 units. Entities, the only formatting, mark links and quotes by offset
and length; nothing in a text is parsed as markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from telegram import MessageEntity

from bots.common.text import clean, count_units, find_break, is_blank
from core.models import File, Link, Reply
from core.safety import disable_links, restore_links

#: Longest message.
MAX_UNITS = 4096
MAX_CAPTION_UNITS = 1024
#: A message with more entities is refused.
MAX_ENTITIES = 100
#: Telegram shows a larger voice message as a file.
MAX_VOICE_BYTES = 1_000_000
#: A reply that needs more messages than this becomes a file.
MAX_MESSAGES = 4
#: How much of a reply that became a file is shown.
PREVIEW_UNITS = 1000
#: A quote above either is collapsed.
COLLAPSE_CHARS = 300
COLLAPSE_LINES = 5

_SUPERGROUP = re.compile(r"-([0-9]{13,16})\Z")
#: The id of a supergroup's chat is minus the sum of this and the group's own number.
_SUPERGROUP_OFFSET = 1_000_000_000_000
_NUMBER = re.compile(r"[0-9]{1,16}\Z")


@dataclass(frozen=True, slots=True)
class TextPart:
    """One text message."""

    text: str
    entities: tuple[MessageEntity, ...] = ()
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file, sent for download, for the music player or as a voice message."""

    file: File
    kind: Literal["document", "audio", "voice"] = "document"
    #: The text of the reply, where it fits below its only recording.
    caption: str = ""
    entities: tuple[MessageEntity, ...] = ()


Part = TextPart | FilePart


def build_parts(reply: Reply, chat_id: str = "") -> list[Part]:
    """Return what to send for `reply`, in order; never an empty list.

    The same reply always gives the same parts: the ledger counts them.
    chat_id: where the reply goes; links to other messages of that chat need it.
    """
    # Strip mentions so that a quote under our name notifies nobody.
    text, quote = clean(reply.text).strip("\n"), disable_links(clean(reply.quote)).strip("\n")
    linked = TextPart(text, build_links(reply, text, chat_id))
    whole = _join(linked, quote, is_quote_first=reply.is_quote_first)
    messages = _cut(whole, MAX_UNITS)
    files = [_build_file(file) for file in reply.files]
    is_audio = len(files) == 1 and files[0].kind != "document"
    if is_audio and not quote and len(messages) == 1:
        [only] = messages
        if count_units(only.text) <= MAX_CAPTION_UNITS:
            return [replace(files[0], caption=only.text, entities=only.entities)]
    if len(messages) > MAX_MESSAGES:
        preview = _build_preview(linked, quote, is_quote_first=reply.is_quote_first)
        name = "transcript.txt" if quote else "reply.txt"
        text_file = FilePart(File(name, "text/plain", restore_links(whole.text).encode()))
        return [preview, text_file, *files]
    return [*messages, *files] or [TextPart("…")]


def halve(part: Part) -> list[Part]:
    """Return the same in two messages, an empty list if it cannot be divided."""
    if isinstance(part, FilePart):
        caption = TextPart(part.caption, part.entities)
        return [caption, replace(part, caption="", entities=())] if part.caption else []
    units = count_units(part.text)
    return [*_cut(part, (units + 1) // 2)] if units > 1 else []


def split(text: str, max_units: int = MAX_UNITS) -> list[str]:
    """Cut `text` into pieces of at most `max_units`, between words where possible.

    Joined again, the pieces are the text. Characters outside the basic plane stay whole.
    """
    pieces = []
    while count_units(text) > max_units:
        cut = find_break(head(text, max_units))
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text] if text else pieces


def head(text: str, max_units: int) -> str:
    """Return the start of `text` that fits `max_units`, at least one character."""
    window = text[:max_units]
    while len(window) > 1 and (over := count_units(window) - max_units) > 0:
        window = window[: len(window) - max(1, over // 2)]
    return window


def tail(text: str, max_units: int = MAX_UNITS) -> str:
    """Return the end of `text` that fits `max_units`, after "…" if something is left out."""
    if count_units(text) <= max_units:
        return text
    return "…" + head(text[::-1], max_units - 1)[::-1]


def build_url(link: Link, chat_id: str) -> str:
    """Return the address of the message that `link` points to, seen from the chat `chat_id`.

    Empty where there is none: messages of private chats and basic groups have no address.
    """
    group = _SUPERGROUP.match(link.chat_id or chat_id)
    number = int(group[1]) - _SUPERGROUP_OFFSET if group else 0
    if number <= 0 or not _NUMBER.match(link.message_id):
        return ""
    has_topic = link.thread_id is not None and _NUMBER.match(link.thread_id)
    topic = f"{link.thread_id}/" if has_topic else ""
    return f"https://t.me/c/{number}/{topic}{link.message_id}"


def build_links(reply: Reply, shown: str, chat_id: str) -> tuple[MessageEntity, ...]:
    """Return the links of a reply as entities of `shown`: its text, cleaned and stripped."""
    cleaned = clean(reply.text)
    stripped = len(cleaned) - len(cleaned.lstrip("\n"))

    def find(at: int) -> int:
        """Return where a position of the reply's text is in `shown`."""
        inside = len(clean(reply.text[: max(0, at)])) - stripped
        return min(max(0, inside), len(shown))

    found, free_from = [], 0
    for link in sorted(reply.links, key=lambda one: (one.start, one.end)):
        start, end = max(find(link.start), free_from), find(link.end)
        url = build_url(link, chat_id)
        if url and start < end:
            offset, length = count_units(shown[:start]), count_units(shown[start:end])
            found.append(MessageEntity(MessageEntity.TEXT_LINK, offset, length, url))
            free_from = end
    return tuple(found)


def _join(linked: TextPart, quote: str, *, is_quote_first: bool) -> TextPart:
    """Return text and quote as one message of any length."""
    if not quote:
        return linked
    joiner = "\n\n" if linked.text else ""
    is_long = len(quote) > COLLAPSE_CHARS or quote.count("\n") >= COLLAPSE_LINES
    kind = MessageEntity.EXPANDABLE_BLOCKQUOTE if is_long else MessageEntity.BLOCKQUOTE
    at_units = 0 if is_quote_first else count_units(linked.text + joiner)
    quoted = (MessageEntity(kind, at_units, count_units(quote)),)
    # The quote comes first in the list: if there are too many entities, it is kept.
    if is_quote_first:
        links = MessageEntity.shift_entities(count_units(quote + joiner), linked.entities)
        return TextPart(quote + joiner + linked.text, (*quoted, *links))
    return TextPart(linked.text + joiner + quote, (*quoted, *linked.entities))


def _cut(part: TextPart, max_units: int) -> list[TextPart]:
    """Return a long text as messages, each with its share of the entities."""
    messages, at_units = [], 0
    for piece in split(part.text, max_units):
        if not is_blank(piece):
            messages.append(TextPart(piece, _clip(part.entities, piece, at_units)))
        at_units += count_units(piece)
    return messages


def _clip(
    entities: Sequence[MessageEntity], piece: str, at_units: int
) -> tuple[MessageEntity, ...]:
    """Return the entities within `piece`, which starts at `at_units` of their text.

    None covers whitespace at the end of a piece: Telegram strips it.
    """
    units = piece.rstrip().encode("utf-16-le")
    clipped = []
    for entity in entities:
        start = max(0, entity.offset - at_units)
        end = min(entity.offset + entity.length - at_units, len(units) // 2)
        if start < end and not is_blank(units[start * 2 : end * 2].decode("utf-16-le", "ignore")):
            clipped.append(MessageEntity(entity.type, start, end - start, entity.url))
    return tuple(clipped[:MAX_ENTITIES])


def _build_file(file: File) -> FilePart:
    if not file.mime.startswith("audio/"):
        return FilePart(file)
    is_voice = file.mime == "audio/ogg" and len(file.data) <= MAX_VOICE_BYTES
    return FilePart(file, "voice" if is_voice else "audio")


def _build_preview(linked: TextPart, quote: str, *, is_quote_first: bool) -> TextPart:
    """Return the start of a reply whose whole text is sent as a file."""
    if count_units(linked.text) > PREVIEW_UNITS:
        start = split(linked.text, PREVIEW_UNITS)[0].rstrip()
        return TextPart(f"{start} …", _clip(linked.entities, start, 0))
    if not quote:
        return TextPart(linked.text or "…", linked.entities)
    start = split(quote, PREVIEW_UNITS)[0].rstrip()
    return _join(linked, f"{start} …", is_quote_first=is_quote_first)
