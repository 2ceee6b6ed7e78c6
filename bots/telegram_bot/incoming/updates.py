"""Reads Telegram's updates. Pure: a raw update in, our message out, nothing else.

Each update is first cut down to the fields that are used, so that a field that this version of
the SDK cannot read costs nothing but itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Optional

import telegram
from telegram.constants import ChatType

from bots.common.chat import clean, clean_line, pick_mentioned
from bots.telegram_bot.incoming.files import read_attachment
from bots.telegram_bot.incoming.joining import read_joining
from core.commands import can_type
from core.models import Chat, Message, QuotedMessage

#: Accounts that stand for others: anonymous admins, channel posts, channels as senders.
GROUP_ANONYMOUS_BOT = 1087968824
CHANNEL_FORWARDS = 777000
CHANNEL_BOT = 136817688
SHARED_IDS = frozenset({str(GROUP_ANONYMOUS_BOT), str(CHANNEL_FORWARDS), str(CHANNEL_BOT)})

#: Starts the message id of a button press; Telegram's id of the press follows.
CALLBACK_PREFIX = "callback:"
#: Starts the message id of an album; Telegram's id of the album follows.
ALBUM_PREFIX = "album:"
#: Fields of what people send that is neither a text nor a recording.
_OTHERS = {"photo", "document", "animation", "sticker", "contact", "location", "poll", "dice"}
#: Stands for a name that Telegram withholds.
NAMELESS = "?"
#: What a button that opens the private chat passes to /start: the form that tokens have.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\Z")

# The fields that are used, by object; None = the value as it is.
_Fields = Mapping[str, Optional["_Fields"]]
_MEDIA: _Fields = dict.fromkeys(("voice", "audio", "video_note", "video", "document", "animation"))
_QUOTED: _Fields = {
    **_MEDIA,
    **dict.fromkeys(("message_id", "from", "sender_chat", "chat", "date", "edit_date")),
    **dict.fromkeys(("message_thread_id", "is_topic_message", "via_bot", "is_automatic_forward")),
    **dict.fromkeys(("text", "caption", "entities", "caption_entities", "forward_origin")),
    **dict.fromkeys(("migrate_to_chat_id", "migrate_from_chat_id")),
}
_MESSAGE: _Fields = {
    **_QUOTED,
    "reply_to_message": _QUOTED,
    "external_reply": {**_MEDIA, **dict.fromkeys(("origin", "chat", "message_id"))},
}
_PRESS: _Fields = {**dict.fromkeys(("id", "from", "data", "chat_instance")), "message": _QUOTED}
_UPDATE: _Fields = {
    "update_id": None,
    "message": _MESSAGE,
    "edited_message": _MESSAGE,
    "callback_query": _PRESS,
}


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

    now: when a button was pressed; Telegram does not say.
    Raises one of `errors.POISON` if the update has a shape that cannot be read.
    """
    if "my_chat_member" in raw:
        return read_joining(raw["my_chat_member"], me.bot_id)
    cut = _cut(raw, _UPDATE)
    if "callback_query" in cut:
        # The SDK insists on this field, which not every press has.
        cut["callback_query"].setdefault("chat_instance", "")
    update = telegram.Update.de_json(cut, None)
    if update.callback_query:
        return _read_press(update.callback_query, me, now)
    message = update.message or update.edited_message
    if message is None or message.chat.type == ChatType.CHANNEL:
        return None
    chat_id = str(message.chat.id)
    if message.migrate_to_chat_id:
        return ChatMove(chat_id, str(message.migrate_to_chat_id))
    if message.migrate_from_chat_id:
        return ChatMove(str(message.migrate_from_chat_id), chat_id)
    if not _is_from_person(message, me):
        return None
    is_edit = not update.message
    holder = raw["edited_message" if is_edit else "message"]
    return _read_message(message, me, holder, is_edit=is_edit)


def _cut(raw: Mapping[str, Any], fields: _Fields) -> dict[str, Any]:
    """Return `raw` without nulls and without what `fields` does not name."""
    return {
        name: _cut(raw[name], inner) if inner else raw[name]
        for name, inner in fields.items()
        if raw.get(name) is not None
    }


def _read_message(
    message: telegram.Message, me: BotIdentity, raw: Mapping[str, Any], *, is_edit: bool
) -> Message | None:
    words = _read_words(message, me)
    if words is None:
        return None
    found = _build_message(message, me, words, is_edit=is_edit)
    if found.is_private and not (found.attachment or is_edit) and _OTHERS & raw.keys():
        # An album is a message per file, which get one reply.
        album = raw.get("media_group_id")
        album_id = f"{ALBUM_PREFIX}{album}" if album else found.message_id
        found = replace(found, message_id=album_id, has_other_file=True)
    # An edit that left nothing matters in groups, which remember messages.
    is_something = any(words) or found.attachment or found.has_other_file
    if not (is_something or (is_edit and not found.is_private)):
        return None
    if found.is_private and found.command == "start" and _TOKEN.match(found.text):
        # Sent by a button that opened this chat.
        return replace(found, command="", text="", button=found.text)
    if found.command or found.forwarded_from or found.is_private:
        return found
    asked = _remove_mention(message, me)
    if asked is None:
        return found
    found = replace(found, text=asked)
    return replace(found, command=pick_mentioned(found, me.bot_id))


def _build_message(
    message: telegram.Message, me: BotIdentity, words: tuple[str, str], *, is_edit: bool
) -> Message:
    is_private, origin = message.chat.type == ChatType.PRIVATE, message.forward_origin
    origin_id, origin_name = _read_origin(origin) if origin else ("", "")
    sender_id, sender_name = _read_sender(message.sender_chat or message.from_user)
    # Other messages' ids are reply threads; sending to those or to General's 1 is an error.
    thread_id = message.message_thread_id if message.is_topic_message else None
    edited_at = int(message.edit_date.timestamp()) if message.edit_date else "edited"
    return Message(
        chat=Chat("telegram", me.bot_id, str(message.chat.id)),
        message_id=str(message.message_id),
        sent_at=message.date,
        sender_id=sender_id,
        sender_name=sender_name,
        thread_id=str(thread_id) if thread_id else None,
        edit_id=str(edited_at) if is_edit else "",
        is_private=is_private,
        language=clean_line((message.from_user and message.from_user.language_code) or ""),
        command=words[0],
        text=words[1],
        attachment=read_attachment(message, may_guess=is_private or bool(words[0])),
        reply_to=_read_quoted(message),
        forwarded_from=(origin_name or NAMELESS) if origin else "",
        origin_id=origin_id,
    )


def _read_press(query: telegram.CallbackQuery, me: BotIdentity, now: datetime) -> Message | None:
    under = query.message
    if under is None or not isinstance(query.data, str) or query.from_user.is_bot:
        return None
    # Telegram shows an old message without its content.
    quoted, thread_id = QuotedMessage(str(under.message_id)), None
    if isinstance(under, telegram.Message):
        quoted = _build_quoted(under)
        thread_id = under.message_thread_id if under.is_topic_message else None
    sender_id, sender_name = _read_sender(query.from_user)
    return Message(
        chat=Chat("telegram", me.bot_id, str(under.chat.id)),
        message_id=CALLBACK_PREFIX + query.id,
        sent_at=now,
        sender_id=sender_id,
        sender_name=sender_name,
        thread_id=str(thread_id) if thread_id else None,
        is_private=under.chat.type == ChatType.PRIVATE,
        language=clean_line(query.from_user.language_code or ""),
        button=clean(query.data),
        reply_to=quoted,
    )


def _is_from_person(message: telegram.Message, me: BotIdentity) -> bool:
    """Return False for bots, ourselves and automatic forwards: replies to those make loops."""
    sender = message.from_user
    if message.is_automatic_forward or (sender and sender.id == CHANNEL_FORWARDS):
        return False
    if message.via_bot and str(message.via_bot.id) == me.bot_id:
        return False
    if sender and sender.is_bot:
        return message.sender_chat is not None and str(sender.id) in SHARED_IDS
    return True


def _read_words(message: telegram.Message, me: BotIdentity) -> tuple[str, str] | None:
    """Return command and text; None if the command is another bot's."""
    text = message.text or message.caption or ""
    entities = message.entities if message.text else message.caption_entities
    for entity in entities:
        is_command = entity.type == telegram.MessageEntity.BOT_COMMAND and entity.offset == 0
        # Whoever wrote a forwarded command did not ask us.
        if is_command and not message.forward_origin:
            units = text.encode("utf-16-le", "surrogatepass")
            typed = units[: entity.length * 2].decode("utf-16-le", "replace")
            rest = units[entity.length * 2 :].decode("utf-16-le", "replace")
            name, _, addressee = typed.removeprefix("/").partition("@")
            if addressee and addressee.lower() != me.username.lower():
                return None
            name, rest = clean(name).lower(), clean(rest).strip()
            # In a group other bots have commands too, but this one is meant for us.
            is_private = message.chat.type == ChatType.PRIVATE
            is_unknown = addressee and not can_type(name, is_private=is_private)
            return ("unknown", f"{name} {rest}".strip()) if is_unknown else (name, rest)
    return "", clean(text)


def _remove_mention(message: telegram.Message, me: BotIdentity) -> str | None:
    """Return the text without mentions of the bot, None if there are none."""
    find = message.parse_entities if message.text else message.parse_caption_entities
    ours = f"@{me.username}".lower()
    if ours not in map(str.lower, find([telegram.MessageEntity.MENTION]).values()):
        return None
    text = re.sub(rf"{re.escape(ours)}\b", "", message.text or message.caption or "", flags=re.I)
    return clean(text).strip()


def _read_sender(sender: telegram.User | telegram.Chat | None) -> tuple[str, str]:
    """Return id and name, on one line, of a person or a chat; empty where Telegram withholds them.

    All who write in the name of a chat are shown as one account: the chat tells more.
    """
    if sender is None:
        return "", ""
    name = sender.full_name if isinstance(sender, telegram.User) else sender.effective_name
    return str(sender.id), clean_line(name or "")


def _read_quoted(message: telegram.Message) -> QuotedMessage | None:
    """Return the message that this one replies to, None if there is none."""
    if quoted := message.reply_to_message:
        # Every message in a topic arrives as a reply to the one that opened the topic.
        is_opener = message.is_topic_message and quoted.message_id == message.message_thread_id
        return None if is_opener else _build_quoted(quoted)
    if external := message.external_reply:
        # In another chat the same id means another message.
        is_here = external.chat is not None and external.chat.id == message.chat.id
        quoted_id = str(external.message_id or "") if is_here else ""
        sender_id, _ = _read_origin(external.origin)
        return QuotedMessage(quoted_id, "", read_attachment(external, may_guess=True), sender_id)
    return None


def _build_quoted(message: telegram.Message) -> QuotedMessage:
    text = clean(message.text or message.caption or "")
    sender_id, _ = _read_sender(message.sender_chat or message.from_user)
    attachment = read_attachment(message, may_guess=True)
    origin_id, _ = _read_origin(message.forward_origin)
    return QuotedMessage(
        str(message.message_id),
        text,
        attachment,
        sender_id,
        origin_id=origin_id,
        is_forwarded=message.forward_origin is not None,
    )


def _read_origin(origin: telegram.MessageOrigin | None) -> tuple[str, str]:
    """Return id and name of the first sender, empty where Telegram withholds them."""
    if isinstance(origin, telegram.MessageOriginUser):
        return _read_sender(origin.sender_user)
    if isinstance(origin, telegram.MessageOriginChat):
        return _read_sender(origin.sender_chat)
    if isinstance(origin, telegram.MessageOriginChannel):
        return _read_sender(origin.chat)
    if isinstance(origin, telegram.MessageOriginHiddenUser):
        return "", clean_line(origin.sender_user_name)
    return "", ""
