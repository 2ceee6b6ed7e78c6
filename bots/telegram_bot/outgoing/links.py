"""Links of a reply to other messages, as Telegram's entities. Pure."""

from __future__ import annotations

import re

from telegram import MessageEntity

from bots.common.chat import clean, count_units
from core.models import Link, Reply, Span
from core.safety import disable_links

_SUPERGROUP = re.compile(r"-([0-9]{13,16})\Z")
#: The id of a supergroup's chat is minus the sum of this and the group's own number.
_SUPERGROUP_OFFSET = 1_000_000_000_000
#: Times stay as they are written.
_KINDS = {"bold": MessageEntity.BOLD, "code": MessageEntity.CODE}
_NUMBER = re.compile(r"[0-9]{1,16}\Z")


def build_marks(reply: Reply, shown: str) -> tuple[MessageEntity, ...]:
    """Return the marks of the quote as entities of `shown`: the quote, made safe and stripped."""

    def find(at: int) -> int:
        return min(len(disable_links(clean(reply.quote[:at])).lstrip("\n")), len(shown))

    spans = ((find(one.start), find(one.end)) for one in reply.marks)
    return tuple(
        MessageEntity(
            MessageEntity.UNDERLINE, count_units(shown[:start]), count_units(shown[start:end])
        )
        for start, end in spans
        if start < end
    )


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
    """Return links, code and bold as entities of `shown`: the text, cleaned and stripped."""
    cleaned = clean(reply.text)
    stripped = len(cleaned) - len(cleaned.lstrip("\n"))

    def find(at: int) -> int:
        """Return where a position of the reply's text is in `shown`."""
        inside = len(clean(reply.text[: max(0, at)])) - stripped
        return min(max(0, inside), len(shown))

    found, free_from = [], 0
    parts: list[Link | Span] = [*reply.links, *reply.spans]
    for part in sorted(parts, key=lambda one: (one.start, one.end)):
        start, end = max(find(part.start), free_from), find(part.end)
        url = build_url(part, chat_id) if isinstance(part, Link) else None
        kind = MessageEntity.TEXT_LINK if isinstance(part, Link) else _KINDS.get(part.kind)
        if kind and url != "" and start < end:
            offset, length = count_units(shown[:start]), count_units(shown[start:end])
            found.append(MessageEntity(kind, offset, length, url))
            free_from = end
    return tuple(found)
