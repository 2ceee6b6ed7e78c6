"""A correction in a Telegram group: the whole program, and the message that is mended in place."""

from __future__ import annotations

import pytest

from tests.chaos.bot import Bot
from tests.emulators.telegram import Message
from tests.support import sounds

VOICE = sounds.file("ogg-opus", sounds.speech(4.0))


pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]


class Chat:
    """A group in which Ann has Ben's voice notes written down."""

    def __init__(self, bot: Bot) -> None:
        self.bot, self.telegram = bot, bot.telegram
        self.ann, self.ben = self.telegram.add_user("Ann"), self.telegram.add_user("Ben")
        self.chat = self.telegram.add_chat(members={self.ann: "member", self.ben: "member"})

    async def write(self, text: str, reply_to: int) -> Message:
        """Let Ann write something and return what stands under it."""
        jobs = self.bot.states().total()
        sent = self.telegram.send_text(self.chat, self.ann, text, reply_to=reply_to)
        await self.bot.settle(jobs + 1, 90)
        [answer] = self.telegram.answers_to(self.chat, sent)
        return answer

    def message(self, message_id: int) -> Message:
        return self.telegram.message(self.chat, message_id)


async def test_a_transcript_is_mended_where_it_stands(bot: Bot) -> None:
    chat = Chat(bot)
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
    await chat.bot.settle(3, 90)
    assert chat.message(shown.message_id).text == shown.text
