"""The usual transcription bot, for comparison: python-telegram-bot, pydub with ffmpeg, openai.

    python -m benchmarks.usual_bot

It is written as the examples of these packages suggest, and has the settings of Hearsay; it has no
database, no limits and no retries.
"""

from __future__ import annotations

import io
import logging
import os
import warnings

from openai import AsyncOpenAI
from telegram import Update
from telegram.constants import ChatAction, MessageLimit
from telegram.ext import Application, CommandHandler, ContextTypes, MessageHandler, filters

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

logger = logging.getLogger(__name__)
client: AsyncOpenAI


async def start(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    assert update.message
    await update.message.reply_text("Send me a voice message, and I write down what it says.")


async def on_voice(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    message = update.message
    assert message and message.voice
    await message.reply_chat_action(ChatAction.TYPING)
    file = await context.bot.get_file(message.voice.file_id)
    data = bytes(await file.download_as_bytearray())
    # pydub decodes Opus to 32-bit samples, which services do not accept.
    segment = AudioSegment.from_file(io.BytesIO(data)).set_sample_width(2)
    wav = segment.export(io.BytesIO(), format="wav").read()
    transcription = await client.audio.transcriptions.create(
        model="whisper-1", file=("voice.wav", wav)
    )
    text = transcription.text or "…"
    for begin in range(0, len(text), MessageLimit.MAX_TEXT_LENGTH):
        await message.reply_text(text[begin : begin + MessageLimit.MAX_TEXT_LENGTH])


async def on_error(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    logger.error("an update failed", exc_info=context.error)
    if isinstance(update, Update) and update.message:
        await update.message.reply_text("Sorry, that did not work.")


def main() -> None:
    global client
    client = AsyncOpenAI(base_url=os.environ["OPENAI_BASE_URL"], api_key="none", max_retries=0)
    application = (
        Application.builder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(os.environ["TELEGRAM_API_BASE_URL"])
        .base_file_url(os.environ["TELEGRAM_FILE_BASE_URL"])
        .build()
    )
    application.add_handler(CommandHandler("start", start))
    application.add_handler(MessageHandler(filters.VOICE, on_voice))
    application.add_error_handler(on_error)
    application.run_polling()


if __name__ == "__main__":
    main()
