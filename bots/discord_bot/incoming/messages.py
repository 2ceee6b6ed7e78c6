"""Reads Discord's messages. Pure: a raw message in, ours out, nothing else.

Raw means as the REST API and the gateway write it: both, and interactions, hold the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bots.discord_bot.channels import ChannelRef
from bots.discord_bot.incoming.attachments import read_attachment, read_attachments
from bots.discord_bot.text import clean_line, mentions, read_content, read_name
from core.models import Chat, Message, QuotedMessage

PLATFORM = "discord"
#: Begins the message id of what came as an interaction; Discord's id of it follows.
INTERACTION_PREFIX = "interaction:"
#: Stands for a name that Discord does not tell.
NAMELESS = "?"

#: Types of messages that people write; others tell of members, pins, calls.
_DEFAULT, _REPLY = 0, 19
#: A reference of this type is a forward.
_FORWARD = 1
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


def read_moment(snowflake: str) -> datetime:
    """Return when an id was made: the moment of a message or of an interaction."""
    return _EPOCH + timedelta(milliseconds=int(snowflake) >> 22)


def make_snowflake(moment: datetime) -> int:
    """Return the smallest id of what happens at `moment`."""
    return max(0, (moment - _EPOCH) // timedelta(milliseconds=1)) << 22


def read_messages(
    raw: Mapping[str, Any], place: ChannelRef, bot_id: str, *, is_edit: bool = False
) -> list[Message]:
    """Return what a person wrote: one message for each sound in it, one if there is none.

    Those after the first count as other forms of it. Raises as `read_message`.
    """
    first = read_message(raw, place, bot_id, is_edit=is_edit)
    if first is None:
        return []
    # A question is asked once. An edit may add no files.
    if is_edit or first.command not in ("", "transcribe"):
        return [first]
    rest = list(read_attachments(raw))[1:]
    # Older than every edit.
    return [
        first,
        *(replace(first, attachment=one, edit_id=f"0:{n}") for n, one in enumerate(rest, 1)),
    ]


def read_message(
    raw: Mapping[str, Any], place: ChannelRef, bot_id: str, *, is_edit: bool = False
) -> Message | None:
    """Return what a person wrote, None if it is nobody's, or nothing that can be read.

    Raises LookupError, TypeError, ValueError or AttributeError on shapes that nobody foresaw.
    """
    if not is_from_person(raw, bot_id) or (is_edit and not raw.get("edited_timestamp")):
        return None
    body, forwarded_from = _read_body(raw)
    text, quoted = read_content(body, bot_id), read_quoted(raw, bot_id)
    message = replace(
        _read_origin(raw, place, bot_id),
        edit_id=_read_edit(raw) if is_edit else "",
        text=text,
        command=_read_command(raw, text, quoted, bot_id),
        attachment=read_attachment(raw),
        reply_to=quoted,
        forwarded_from=forwarded_from,
    )
    # Nothing to read is news in an edit: what a group remembers of the message is over.
    is_news = is_edit and not place.is_private
    return message if message.text or message.attachment or message.command or is_news else None


def _read_origin(raw: Mapping[str, Any], place: ChannelRef, bot_id: str) -> Message:
    """Return who wrote where and when."""
    author = raw["author"]
    return Message(
        chat=Chat(PLATFORM, bot_id, place.chat_id),
        message_id=str(raw["id"]),
        sent_at=read_moment(raw["id"]),
        sender_id=str(author["id"]),
        sender_name=read_name(author, raw.get("member")),
        thread_id=place.thread_id,
        is_private=place.is_private,
    )


def is_from_person(raw: Mapping[str, Any], bot_id: str) -> bool:
    """Tell people from bots, webhooks, ourselves and Discord: answering those makes loops."""
    author = raw.get("author") or {}
    if author.get("bot") or author.get("system") or str(author.get("id")) == bot_id:
        return False
    if not author or raw.get("webhook_id") or raw.get("application_id"):
        return False
    return raw.get("type", _DEFAULT) in (_DEFAULT, _REPLY)


def read_quoted(raw: Mapping[str, Any], bot_id: str) -> QuotedMessage | None:
    """Return the message that this one answers, None if there is none."""
    reference = raw.get("message_reference") or {}
    if reference.get("type", 0) == _FORWARD or not reference.get("message_id"):
        return None
    quoted = raw.get("referenced_message")
    if not quoted:
        # Deleted since, or not told.
        return QuotedMessage(str(reference["message_id"]))
    return read_as_quoted(quoted, bot_id)


def read_as_quoted(raw: Mapping[str, Any], bot_id: str) -> QuotedMessage:
    """Return a message as the one that is answered."""
    body, _ = _read_body(raw)
    sender_id = str((raw.get("author") or {}).get("id") or "")
    text = read_content(body, bot_id)
    return QuotedMessage(str(raw["id"]), text, read_attachment(raw), sender_id)


def _read_body(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return what holds the words of a message, and who wrote them first if it was forwarded."""
    snapshots = raw.get("message_snapshots") or ()
    if not snapshots:
        return raw, ""
    # A snapshot tells no author.
    return snapshots[0].get("message") or {}, clean_line(NAMELESS)


def _read_edit(raw: Mapping[str, Any]) -> str:
    moment = datetime.fromisoformat(raw["edited_timestamp"])
    return str(int(moment.timestamp() * 1000))


def _read_command(
    raw: Mapping[str, Any], text: str, quoted: QuotedMessage | None, bot_id: str
) -> str:
    """Return what a mention of ours asks for; an answer to one of ours says it by itself."""
    if raw.get("message_snapshots") or not mentions(raw.get("content") or "", bot_id):
        return ""
    if quoted and quoted.sender_id == bot_id:
        return ""
    if text:
        return "ask"
    has_sound = read_attachment(raw) or (quoted and quoted.attachment)
    return "transcribe" if has_sound else "help"
