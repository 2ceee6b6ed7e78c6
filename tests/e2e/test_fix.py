"""A correction in a Telegram group: the whole program, and the message that is mended in place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import Message, TelegramServer
from tests.support import sounds

VOICE = sounds.file("ogg-opus", sounds.speech(4.0))


class Chat:
    """A group in which Ann has Ben's voice notes written down."""

    def __init__(self, bot: Bot, telegram: TelegramServer) -> None:
        self.bot, self.telegram = bot, telegram
        self.ann, self.ben = telegram.add_user("Ann"), telegram.add_user("Ben")
        self.chat = telegram.add_chat(members={self.ann: "member", self.ben: "member"})
        self.jobs = 0

    async def write(self, text: str, reply_to: int) -> Message:
        """Let Ann write something and return what stands under it."""
        sent = self.telegram.send_text(self.chat, self.ann, text, reply_to=reply_to)
        self.jobs += 1
        await self.bot.settle(self.jobs, 90)
        [answer] = self.telegram.answers_to(self.chat, sent)
        return answer

    def message(self, message_id: int) -> Message:
        return self.telegram.message(self.chat, message_id)


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async with TelegramServer() as telegram, MimoServer() as mimo:
        bot = Bot(tmp_path, telegram, mimo)
        await bot.start()
        try:
            yield Chat(bot, telegram)
        finally:
            await bot.stop()


async def test_a_transcript_is_mended_where_it_stands(chat: Chat) -> None:
    voice = chat.telegram.send_voice(chat.chat, chat.ben, VOICE, duration=4)
    shown = await chat.write("/transcribe", voice)
    assert shown.text.endswith(" of 4.0 seconds")
    labels = [one["text"] for row in shown.buttons for one in row]
    assert labels == ["Translate", "Ask", "Fix", "Listen"]

    answer = await chat.write("nein, es heißt *Sekonds*", shown.message_id)
    assert answer.text == "seconds → Sekonds, from now on."
    mended = chat.message(shown.message_id)
    assert mended.text == shown.text.replace("seconds", "Sekonds")
    assert mended.buttons and mended.buttons != shown.buttons
    # Nothing else was sent: two answers, one of them edited.
    assert len(chat.telegram.answers(chat.chat)) == 2

    chat.telegram.press_button(chat.chat, chat.ben, answer.message_id, "Undo")
    chat.jobs += 1
    await chat.bot.settle(chat.jobs, 90)
    assert chat.message(shown.message_id).text == shown.text
