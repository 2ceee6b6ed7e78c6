"""A plain transcription bot for comparison: python-telegram-bot, pydub with ffmpeg, httpx.

It has the settings of Hearsay, but no database, no limits and no retries.
"""

from __future__ import annotations

import base64
import io
import os
import warnings

import httpx
from telegram import Update
from telegram.ext import ApplicationBuilder, ContextTypes, MessageHandler, filters

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

client = httpx.AsyncClient(
    base_url=os.environ["MIMO_BASE_URL"],
    headers={"api-key": os.environ["MIMO_API_KEY"]},
    timeout=60.0,
)


async def on_voice(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    message = update.message
    assert message and message.voice
    file = await context.bot.get_file(message.voice.file_id)
    data = bytes(await file.download_as_bytearray())
    # pydub decodes Opus to 32-bit samples, which MiMo does not accept.
    segment = AudioSegment.from_file(io.BytesIO(data)).set_sample_width(2)
    wav = segment.export(io.BytesIO(), format="wav").read()
    url = f"data:audio/wav;base64,{base64.b64encode(wav).decode()}"
    part = {"type": "input_audio", "input_audio": {"data": url}}
    body = {
        "model": "mimo-v2.5-asr",
        "messages": [{"role": "user", "content": [part]}],
        "asr_options": {"language": "auto"},
    }
    answer = (await client.post("/chat/completions", json=body)).raise_for_status().json()
    await message.reply_text(answer["choices"][0]["message"]["content"] or "…")


def main() -> None:
    app = (
        ApplicationBuilder()
        .token(os.environ["TELEGRAM_BOT_TOKEN"])
        .base_url(os.environ["TELEGRAM_API_BASE_URL"])
        .base_file_url(os.environ["TELEGRAM_FILE_BASE_URL"])
        .build()
    )
    app.add_handler(MessageHandler(filters.VOICE, on_voice))
    app.run_polling()


if __name__ == "__main__":
    main()
