"""One call that sends or edits a message: its address, its keyboard, what to change if refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import telegram
from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    ReplyParameters,
)

from bots.common.text import clean
from bots.telegram_bot.errors import Refusal
from bots.telegram_bot.incoming.updates import CALLBACK_PREFIX
from bots.telegram_bot.outgoing.parts import FilePart, Part
from core.models import Button, Message

#: The artist, as the music player shows it.
PERFORMER = "Hearsay (AI)"
#: (widest label in columns, buttons per row), the most buttons first.
ROW_WIDTHS = ((10, 3), (16, 2))


@dataclass(frozen=True, slots=True)
class TelegramRequest:
    """A new message, or the edit of our own message `edit_id`."""

    chat_id: str
    part: Part
    thread_id: int | None = None
    reply_to: str = ""
    edit_id: str = ""
    keyboard: InlineKeyboardMarkup | None = None
    #: Sent without a notification.
    is_silent: bool = False


def build_request(message: Message, part: Part) -> TelegramRequest:
    """Return `part` as the reply to `message`, in its chat and topic."""
    reply_to = message.message_id
    # A button press is no message: the reply goes to the one that has the button.
    if reply_to.startswith(CALLBACK_PREFIX):
        reply_to = message.reply_to.message_id if message.reply_to else ""
    # No topic in General and where there are none.
    thread_id = int(message.thread_id) if message.thread_id else None
    return TelegramRequest(
        message.chat.chat_id, part, thread_id, reply_to if reply_to.isdecimal() else ""
    )


def build_keyboard(buttons: Sequence[Button], username: str = "") -> InlineKeyboardMarkup | None:
    """Return the buttons that have a token, short ones side by side; None if there are none.

    username: the bot's own; a private button opens the chat with it.
    """
    keys = []
    for button in buttons:
        label, url = clean(button.label) or "…", f"https://t.me/{username}?start={button.token}"
        # On a small screen, the label's width decides how many buttons fit in a row.
        columns = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in label)
        per_row = next((count for limit, count in ROW_WIDTHS if columns <= limit), 1)
        if button.token and button.is_private:
            keys.append((per_row, InlineKeyboardButton(label, url=url)))
        elif button.token:
            keys.append((per_row, InlineKeyboardButton(label, callback_data=button.token)))
    rows = []
    for per_row, run in groupby(keys, itemgetter(0)):
        rest = [key for _, key in run]
        # Rows of even length: seven buttons make three, two and two.
        for rows_left in range(-(-len(rest) // per_row), 0, -1):
            length = -(-len(rest) // rows_left)
            rows.append(rest[:length])
            rest = rest[length:]
    return InlineKeyboardMarkup(rows) if rows else None


def change(request: TelegramRequest, refusal: Refusal | None) -> TelegramRequest | None:
    """Return what to try instead of a refused call, None if nothing can be changed."""
    if refusal is Refusal.MESSAGE_GONE and request.edit_id:
        return replace(request, edit_id="")
    if refusal is Refusal.REPLY_GONE and request.reply_to:
        return replace(request, reply_to="")
    if refusal is Refusal.TOPIC_GONE and (request.thread_id or request.reply_to):
        # A reply would end up in the same topic again.
        return replace(request, thread_id=None, reply_to="")
    if refusal is Refusal.BAD_ENTITIES and request.part.entities:
        return replace(request, part=replace(request.part, entities=()))
    if refusal is Refusal.AUDIO_FORBIDDEN and isinstance(request.part, FilePart):
        # A chat may refuse voice messages but take music, or only plain files.
        if request.part.kind == "voice":
            return replace(request, part=replace(request.part, kind="audio"))
        if request.part.kind == "audio":
            return replace(request, part=replace(request.part, kind="document"))
    return None


async def perform(bot: telegram.Bot, request: TelegramRequest) -> str:
    """Make one call and return the id of the message that it created or edited.

    Raises TelegramError.
    """
    chat_id, part = int(request.chat_id), request.part
    reply_parameters = None
    if request.reply_to:
        # A message that was deleted meanwhile is no reason not to reply.
        reply_parameters = ReplyParameters(int(request.reply_to), allow_sending_without_reply=True)
    options: dict[str, Any] = {
        "message_thread_id": request.thread_id,
        "reply_parameters": reply_parameters,
        "reply_markup": request.keyboard,
        "disable_notification": request.is_silent or None,
    }
    if isinstance(part, FilePart):
        sent = await _send_file(bot, chat_id, part, options)
        return str(sent.message_id)
    preview = LinkPreviewOptions(is_disabled=True)
    if request.edit_id:
        await bot.edit_message_text(
            part.text, chat_id, int(request.edit_id), entities=part.entities,
            reply_markup=request.keyboard, link_preview_options=preview,
        )  # fmt: skip
        return request.edit_id
    sent = await bot.send_message(
        chat_id, part.text, entities=part.entities, link_preview_options=preview, **options
    )
    return str(sent.message_id)


async def _send_file(
    bot: telegram.Bot, chat_id: int, part: FilePart, options: dict[str, Any]
) -> telegram.Message:
    file = part.file
    options |= {"caption": part.caption or None, "caption_entities": part.entities}
    upload = InputFile(file.data, file.name.split("/")[-1])
    if part.kind == "document":
        return await bot.send_document(chat_id, upload, **options)
    # Telegram counts whole seconds, and shows no duration for 0.
    duration_s = None if file.duration_s is None else max(1, round(file.duration_s))
    if part.kind == "voice":
        return await bot.send_voice(chat_id, upload, duration_s, **options)
    return await bot.send_audio(
        chat_id, upload, duration_s, PERFORMER, clean(file.title) or None, **options
    )
