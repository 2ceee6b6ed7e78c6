"""Who wrote a message, the one that it answers, and the one that was forwarded. Pure."""

from __future__ import annotations

import re

import telegram

from bots.common.text import clean
from bots.telegram_bot.incoming.attachments import read_attachment
from core.models import QuotedMessage

#: Stands for a name that Telegram does not tell.
NAMELESS = "?"


def read_sender(message: telegram.Message) -> tuple[str, str]:
    """Return id and name of who speaks, empty where Telegram does not tell."""
    # Who speaks for a chat is shown as one account shared by all: the chat's id tells more.
    if message.sender_chat:
        return str(message.sender_chat.id), clean_line(message.sender_chat.effective_name or "")
    if message.from_user:
        return str(message.from_user.id), clean_line(message.from_user.full_name)
    return "", ""


def read_forwarded(message: telegram.Message) -> str:
    """Return the name of who wrote a forwarded message first, empty if it was not forwarded."""
    if message.forward_origin is None:
        return ""
    return clean_line(_read_origin(message.forward_origin)[1]) or NAMELESS


def read_quoted(message: telegram.Message) -> QuotedMessage | None:
    """Return the message that this one answers, None if there is none."""
    if message.reply_to_message:
        quoted = message.reply_to_message
        sound, sender_id = read_attachment(quoted), read_sender(quoted)[0]
        return QuotedMessage(str(quoted.message_id), read_text(quoted), sound, sender_id)
    if message.external_reply:
        external = message.external_reply
        # An id of another chat would name another message here.
        is_here = external.chat is not None and external.chat.id == message.chat.id
        quoted_id = str(external.message_id or "") if is_here else ""
        sender_id = _read_origin(external.origin)[0]
        return QuotedMessage(quoted_id, "", read_attachment(external), sender_id)
    return None


def read_text(message: telegram.Message) -> str:
    """Return text or caption, without what disturbs the screen."""
    return clean(message.text or message.caption or "")


def clean_line(text: str) -> str:
    """Return a name in one line of bearable length."""
    return re.sub(r"\s+", " ", clean(text)).strip()[:255]


def _read_origin(origin: telegram.MessageOrigin) -> tuple[str, str]:
    if isinstance(origin, telegram.MessageOriginUser):
        return str(origin.sender_user.id), origin.sender_user.full_name
    if isinstance(origin, telegram.MessageOriginHiddenUser):
        return "", origin.sender_user_name
    if isinstance(origin, telegram.MessageOriginChat):
        return str(origin.sender_chat.id), origin.sender_chat.effective_name or ""
    if isinstance(origin, telegram.MessageOriginChannel):
        return str(origin.chat.id), origin.chat.effective_name or ""
    return "", ""
