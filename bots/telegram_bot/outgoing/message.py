"""One call that sends, as a value: where it goes, what it holds, how to mend it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters

from bots.common.text import clean
from bots.telegram_bot.errors import Refusal
from bots.telegram_bot.incoming.updates import CALLBACK_PREFIX
from bots.telegram_bot.outgoing.parts import FilePart, Part
from core.models import Button, Message

#: (widest label in columns, buttons of a row), the most buttons first.
ROW_WIDTHS = ((10, 3), (16, 2))


@dataclass(frozen=True, slots=True)
class TelegramRequest:
    """A message on its way: new, or the edit of our own message `edit_id`."""

    chat_id: str
    part: Part
    thread_id: str | None = None
    reply_to: str = ""
    edit_id: str = ""
    keyboard: InlineKeyboardMarkup | None = None


def address(message: Message, part: Part) -> TelegramRequest:
    """Return `part` as the answer to `message`: to its chat, its topic, under it."""
    reply_to = message.message_id
    # A pressed button is no message: the answer goes under the one that has the button.
    if reply_to.startswith(CALLBACK_PREFIX):
        reply_to = message.reply_to.message_id if message.reply_to else ""
    if not reply_to.isdecimal():
        reply_to = ""
    return TelegramRequest(message.chat.chat_id, part, message.thread_id, reply_to)


def as_thread(thread_id: str | None) -> int | None:
    """Return Telegram's number of a topic, None in General and where there are none."""
    return int(thread_id) if thread_id else None


def build_keyboard(buttons: Sequence[Button], username: str = "") -> InlineKeyboardMarkup | None:
    """Return the buttons that have a token, short ones side by side; None if there are none.

    username: the bot's own; what is private leads to the talk with it.
    """
    keys = [_build_key(button, username) for button in buttons if button.token]
    rows: list[list[InlineKeyboardButton]] = []
    for width, run in groupby(keys, lambda key: _row_width(key.text)):
        rows += _share_out(list(run), width)
    return InlineKeyboardMarkup(rows) if rows else None


def _build_key(button: Button, username: str) -> InlineKeyboardButton:
    label = clean(button.label) or "…"
    if button.is_private:
        return InlineKeyboardButton(label, url=f"https://t.me/{username}?start={button.token}")
    return InlineKeyboardButton(label, callback_data=button.token)


def _row_width(label: str) -> int:
    """Return how many buttons with labels like this one stand in a row of a small screen."""
    columns = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in label)
    return next((count for limit, count in ROW_WIDTHS if columns <= limit), 1)


def _share_out(keys: list[InlineKeyboardButton], width: int) -> list[list[InlineKeyboardButton]]:
    """Return rows of at most `width` buttons, as even as can be: three, two and two of seven."""
    row_count = -(-len(keys) // width)
    size, longer = divmod(len(keys), row_count)
    starts = [row * size + min(row, longer) for row in range(row_count + 1)]
    return [keys[start:end] for start, end in pairwise(starts)]


def build_reply_parameters(out: TelegramRequest) -> ReplyParameters | None:
    """Return the reference to the note; a note that was deleted is no reason to stay silent."""
    if not out.reply_to:
        return None
    return ReplyParameters(int(out.reply_to), allow_sending_without_reply=True)


def mend(out: TelegramRequest, refusal: Refusal | None) -> TelegramRequest | None:
    """Return what to try instead of a refused call, None if nothing can be changed."""
    if refusal is Refusal.MESSAGE_GONE and out.edit_id:
        return replace(out, edit_id="")
    if refusal is Refusal.REPLY_GONE and out.reply_to:
        return replace(out, reply_to="")
    if refusal is Refusal.TOPIC_GONE and (out.thread_id or out.reply_to):
        # A reply would end up in the same topic again.
        return replace(out, thread_id=None, reply_to="")
    if refusal is Refusal.BAD_ENTITIES and out.part.entities:
        return replace(out, part=replace(out.part, entities=()))
    if refusal is Refusal.SOUND_FORBIDDEN and isinstance(out.part, FilePart):
        return _disguise(out, out.part)
    return None


def _disguise(out: TelegramRequest, part: FilePart) -> TelegramRequest | None:
    """Return the same sound in the form that is less of a sound."""
    if part.kind == "document":
        return None
    return replace(out, part=replace(part, kind="audio" if part.kind == "voice" else "document"))
