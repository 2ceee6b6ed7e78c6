"""Reads Telegram's updates. Pure: a raw update in, our message out, nothing else.

Each update is first cut down to the fields that are used, so that a field that this version of
the SDK cannot read costs nothing but itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import telegram
from telegram.constants import ChatType

from bots.common.text import clean
from bots.telegram_bot.incoming.attachments import read_attachment
from bots.telegram_bot.incoming.authors import (
    clean_line,
    read_forwarded,
    read_quoted,
    read_sender,
    read_text,
)
from core.models import Chat, Message, QuotedMessage

#: What is asked for at each poll; without it Telegram keeps an older choice.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]

#: Accounts that stand for others: anonymous admins, channel posts, channels as senders.
GROUP_ANONYMOUS_BOT = 1087968824
CHANNEL_FORWARDS = 777000
CHANNEL_BOT = 136817688
SHARED_IDS = frozenset({str(GROUP_ANONYMOUS_BOT), str(CHANNEL_FORWARDS), str(CHANNEL_BOT)})

#: What a button carries that opens the private chat: the form that tokens have.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\Z")

#: Begins the message id of a pressed button; Telegram's id of the press follows.
CALLBACK_PREFIX = "callback:"

_SOUND = frozenset({"voice", "audio", "video_note", "video", "document", "animation"})
_ORIGIN = frozenset(
    {"message_id", "from", "sender_chat", "chat", "date", "edit_date", "forward_origin"}
)
_PLACE = frozenset({"message_thread_id", "is_topic_message", "via_bot", "is_automatic_forward"})
_WORDS = frozenset({"text", "caption", "entities", "caption_entities"})
_MOVES = frozenset({"migrate_to_chat_id", "migrate_from_chat_id"})
_MESSAGE_FIELDS = _SOUND | _ORIGIN | _PLACE | _WORDS | _MOVES
_EXTERNAL_FIELDS = _SOUND | {"origin", "chat", "message_id"}
_CALLBACK_FIELDS = frozenset({"id", "from", "data", "chat_instance"})

#: What the SDK and the code below raise on shapes that nobody foresaw.
POISON = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
    OSError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """Who we are, from getMe."""

    bot_id: str
    username: str


@dataclass(frozen=True, slots=True)
class ChatMove:
    """A group became a supergroup and has a new id."""

    old_id: str
    new_id: str


def read_update(
    raw: Mapping[str, Any], me: BotIdentity, now: datetime
) -> Message | ChatMove | None:
    """Return what a raw update means to us, None if nothing.

    now: when a button was pressed; Telegram does not tell.
    Raises one of POISON if the update has a shape that cannot be read.
    """
    update = telegram.Update.de_json(_cut_update(raw), None)
    if update.callback_query:
        return _read_press(update.callback_query, me, now)
    message = update.message or update.edited_message
    if message is None or message.chat.type == ChatType.CHANNEL:
        return None
    return _read_move(message) or _read_message(message, me, is_edit=not update.message)


def _read_move(message: telegram.Message) -> ChatMove | None:
    chat_id = str(message.chat.id)
    if message.migrate_to_chat_id:
        return ChatMove(chat_id, str(message.migrate_to_chat_id))
    if message.migrate_from_chat_id:
        return ChatMove(str(message.migrate_from_chat_id), chat_id)
    return None


def _read_message(message: telegram.Message, me: BotIdentity, *, is_edit: bool) -> Message | None:
    if not _is_from_person(message, me):
        return None
    words = _read_words(message, me)
    attachment = read_attachment(message)
    if words is None or not (any(words) or attachment or _may_be_empty(message, is_edit)):
        return None
    sender = message.from_user
    sender_id, sender_name = read_sender(message)
    found = Message(
        chat=Chat("telegram", me.bot_id, str(message.chat.id)),
        message_id=str(message.message_id),
        sent_at=message.date,
        sender_id=sender_id,
        sender_name=sender_name,
        thread_id=_read_thread(message),
        edit_id=_read_edit(message) if is_edit else "",
        is_private=message.chat.type == ChatType.PRIVATE,
        language=(sender and sender.language_code) or "",
        command=words[0],
        text=words[1],
        attachment=attachment,
        reply_to=read_quoted(message),
        forwarded_from=read_forwarded(message),
    )
    return _read_deep_link(found)


def _may_be_empty(message: telegram.Message, is_edit: bool) -> bool:
    """Tell whether nothing to read is news: what a group remembers of the message is over."""
    return is_edit and message.chat.type != ChatType.PRIVATE


def _read_deep_link(message: Message) -> Message:
    """Return the press of a private button in place of the /start that it sends."""
    is_press = message.is_private and message.command == "start" and _TOKEN.match(message.text)
    if not is_press:
        return message
    return replace(message, command="", text="", button=message.text)


def _read_press(query: telegram.CallbackQuery, me: BotIdentity, now: datetime) -> Message | None:
    under = query.message
    if under is None or not isinstance(query.data, str) or query.from_user.is_bot:
        return None
    quoted = QuotedMessage(str(under.message_id))
    thread_id = None
    if isinstance(under, telegram.Message):
        thread_id = _read_thread(under)
        sound, sender_id = read_attachment(under), read_sender(under)[0]
        quoted = QuotedMessage(quoted.message_id, read_text(under), sound, sender_id)
    return Message(
        chat=Chat("telegram", me.bot_id, str(under.chat.id)),
        message_id=CALLBACK_PREFIX + query.id,
        sent_at=now,
        sender_id=str(query.from_user.id),
        sender_name=clean_line(query.from_user.full_name),
        thread_id=thread_id,
        is_private=under.chat.type == ChatType.PRIVATE,
        language=query.from_user.language_code or "",
        button=clean(query.data),
        reply_to=quoted,
    )


def _is_from_person(message: telegram.Message, me: BotIdentity) -> bool:
    """Tell people from bots, ourselves and automatic forwards: answering those makes loops."""
    sender = message.from_user
    if message.is_automatic_forward or (sender and sender.id == CHANNEL_FORWARDS):
        return False
    if message.via_bot and str(message.via_bot.id) == me.bot_id:
        return False
    if sender and sender.is_bot:
        return message.sender_chat is not None and str(sender.id) in SHARED_IDS
    return True


def _read_thread(message: telegram.Message) -> str | None:
    # Ids on other messages are reply threads; sending to them or to General's 1 is an error.
    if message.is_topic_message and message.message_thread_id:
        return str(message.message_thread_id)
    return None


def _read_edit(message: telegram.Message) -> str:
    return str(int(message.edit_date.timestamp())) if message.edit_date else "edited"


def _read_words(message: telegram.Message, me: BotIdentity) -> tuple[str, str] | None:
    """Return command and text; None if the command is another bot's."""
    if message.forward_origin:
        return "", read_text(message)  # whoever wrote it did not ask us
    text = message.text or message.caption or ""
    entities = message.entities if message.text else message.caption_entities
    for entity in entities:
        if entity.type == telegram.MessageEntity.BOT_COMMAND and entity.offset == 0:
            return _read_command(text, entity.length, me)
    return "", clean(text)


def _read_command(text: str, length: int, me: BotIdentity) -> tuple[str, str] | None:
    units = text.encode("utf-16-le", "surrogatepass")
    typed = units[: length * 2].decode("utf-16-le", "replace")
    rest = units[length * 2 :].decode("utf-16-le", "replace")
    name, _, addressee = typed.removeprefix("/").partition("@")
    if addressee and addressee.lower() != me.username.lower():
        return None
    return clean(name).lower(), clean(rest).strip()


def _cut_update(raw: Mapping[str, Any]) -> dict[str, Any]:
    update: dict[str, Any] = {"update_id": raw["update_id"]}
    for kind in ("message", "edited_message"):
        if raw.get(kind) is not None:
            update[kind] = _cut_message(raw[kind], depth=1)
    if raw.get("callback_query") is not None:
        query = raw["callback_query"]
        update["callback_query"] = _cut(query, _CALLBACK_FIELDS)
        # An old message is told without content; the SDK tells it by a date of 0.
        update["callback_query"].setdefault("chat_instance", "")
        if query.get("message") is not None:
            update["callback_query"]["message"] = _cut_message(query["message"], depth=0)
    return update


def _cut_message(raw: Mapping[str, Any], depth: int) -> dict[str, Any]:
    message = _cut(raw, _MESSAGE_FIELDS)
    quoted = raw.get("reply_to_message")
    # Whatever is said in a topic comes as a reply to the message that opened the topic.
    if depth and quoted and not quoted.get("forum_topic_created"):
        message["reply_to_message"] = _cut_message(quoted, depth - 1)
    if depth and raw.get("external_reply"):
        message["external_reply"] = _cut(raw["external_reply"], _EXTERNAL_FIELDS)
    return message


def _cut(raw: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: raw[name] for name in raw.keys() & names if raw[name] is not None}
