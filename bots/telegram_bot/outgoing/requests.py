"""The calls that make or change a message."""

from __future__ import annotations

from typing import Any

import telegram
from telegram import InputFile, LinkPreviewOptions

from bots.common.text import clean
from bots.telegram_bot.outgoing.message import TelegramRequest, as_thread, build_reply_parameters
from bots.telegram_bot.outgoing.parts import FilePart

#: Who speaks, as the music player shows it.
PERFORMER = "Hearsay (AI)"


async def perform(bot: telegram.Bot, out: TelegramRequest) -> str:
    """Make one call and return the id of the message it made or changed.

    Raises TelegramError.
    """
    chat_id, preview = int(out.chat_id), LinkPreviewOptions(is_disabled=True)
    place: dict[str, Any] = {
        "message_thread_id": as_thread(out.thread_id),
        "reply_parameters": build_reply_parameters(out),
        "reply_markup": out.keyboard,
    }
    if isinstance(out.part, FilePart):
        sent = await _send_file(bot, chat_id, out.part, place)
        return str(sent.message_id)
    text, entities = out.part.text, out.part.entities
    if out.edit_id:
        await bot.edit_message_text(
            text, chat_id, int(out.edit_id), entities=entities, reply_markup=out.keyboard,
            link_preview_options=preview,
        )  # fmt: skip
        return out.edit_id
    sent = await bot.send_message(
        chat_id, text, entities=entities, link_preview_options=preview, **place
    )
    return str(sent.message_id)


async def _send_file(
    bot: telegram.Bot, chat_id: int, part: FilePart, place: dict[str, Any]
) -> telegram.Message:
    file = part.file
    place |= {"caption": part.caption or None, "caption_entities": part.entities}
    upload = InputFile(file.data, file.name.split("/")[-1])
    if part.kind == "document":
        return await bot.send_document(chat_id, upload, **place)
    # Telegram counts whole seconds, and shows nothing for none.
    duration_s = None if file.duration_s is None else max(1, round(file.duration_s))
    if part.kind == "voice":
        return await bot.send_voice(chat_id, upload, duration_s, **place)
    return await bot.send_audio(
        chat_id, upload, duration_s, PERFORMER, clean(file.title) or None, **place
    )
