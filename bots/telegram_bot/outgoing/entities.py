"""Entities: the marks beside a text that make links and quotes of stretches of it. Pure.

They are all the links there are: nothing in a text is read as markup. Offsets are UTF-16 units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from telegram import MessageEntity

from bots.common.text import clean, count_units, is_blank
from core.models import Link, Reply

#: A message with more of them is refused.
MAX_ENTITIES = 100
#: A quote above either is folded.
FOLD_CHARS = 300
FOLD_LINES = 5

_SUPERGROUP = re.compile(r"-([0-9]{13,16})\Z")
#: What Telegram adds to a supergroup's own number to make a chat id of it.
_OFFSET = 1_000_000_000_000
_NUMBER = re.compile(r"[0-9]{1,16}\Z")


def build_url(link: Link, chat_id: str) -> str:
    """Return the address of the message that `link` leads to, seen from the chat `chat_id`.

    Empty where there is none: private chats and basic groups have no addresses.
    """
    place = _SUPERGROUP.match(link.chat_id or chat_id)
    number = int(place[1]) - _OFFSET if place else 0
    if number <= 0 or not _NUMBER.match(link.message_id):
        return ""
    has_topic = link.thread_id is not None and _NUMBER.match(link.thread_id)
    topic = f"{link.thread_id}/" if has_topic else ""
    return f"https://t.me/c/{number}/{topic}{link.message_id}"


def build_links(reply: Reply, shown: str, chat_id: str) -> tuple[MessageEntity, ...]:
    """Return the links of a reply as entities of `shown`: its text, cleaned and stripped."""
    return tuple(_find_links(reply, shown, chat_id))


def build_quote(quote: str, at_units: int) -> tuple[MessageEntity, ...]:
    """Return the entity of a quote that begins at `at_units`; a long one is folded."""
    if is_blank(quote):
        return ()
    is_long = len(quote) > FOLD_CHARS or quote.count("\n") >= FOLD_LINES
    kind = MessageEntity.EXPANDABLE_BLOCKQUOTE if is_long else MessageEntity.BLOCKQUOTE
    return (MessageEntity(kind, at_units, count_units(quote)),)


def clip(entities: Sequence[MessageEntity], piece: str, at_units: int) -> tuple[MessageEntity, ...]:
    """Return what of `entities` lies in `piece`, which begins at `at_units` of their text.

    Space at the end of a piece is in none of them: Telegram cuts it off.
    """
    end_units = count_units(piece.rstrip())
    kept = (_clip_one(entity, at_units, end_units) for entity in entities)
    seen = [one for one in kept if one and not is_blank(_slice(piece, one))]
    return tuple(seen[:MAX_ENTITIES])


def _clip_one(entity: MessageEntity, at_units: int, end_units: int) -> MessageEntity | None:
    start = max(0, entity.offset - at_units)
    end = min(entity.offset + entity.length - at_units, end_units)
    return MessageEntity(entity.type, start, end - start, entity.url) if start < end else None


def _slice(text: str, entity: MessageEntity) -> str:
    units = text.encode("utf-16-le")
    start, end = entity.offset * 2, (entity.offset + entity.length) * 2
    return units[start:end].decode("utf-16-le", "ignore")


def _find_links(reply: Reply, shown: str, chat_id: str) -> Iterator[MessageEntity]:
    cleaned = clean(reply.text)
    stripped = len(cleaned) - len(cleaned.lstrip("\n"))

    def find(at: int) -> int:
        inside = len(clean(reply.text[: max(0, at)])) - stripped
        return min(max(0, inside), len(shown))

    free_from = 0
    for link in sorted(reply.links, key=lambda one: (one.start, one.end)):
        start, end = max(find(link.start), free_from), find(link.end)
        url = build_url(link, chat_id)
        if url and start < end:
            offset, length = count_units(shown[:start]), count_units(shown[start:end])
            yield MessageEntity(MessageEntity.TEXT_LINK, offset, length, url)
            free_from = end
