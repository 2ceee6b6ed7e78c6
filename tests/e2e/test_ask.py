"""A dialogue about a recording: the whole program between Telegram and MiMo."""

from __future__ import annotations

import hashlib

import pytest

from tests.chaos.bot import Bot
from tests.emulators.mimo.chat_contract import ChatOrder
from tests.emulators.mimo.world import Call
from tests.emulators.telegram import Message
from tests.support import sounds

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]


class Group:
    """A group in which Ann asks the bot about what Ben has said."""

    def __init__(self, bot: Bot) -> None:
        self.bot, self.telegram, self.mimo = bot, bot.telegram, bot.mimo
        self.ann, self.ben = self.telegram.add_user("Ann"), self.telegram.add_user("Ben")
        self.chat = self.telegram.add_chat(members={self.ann: "member", self.ben: "member"})
        self._before = len(self.mimo.calls)

    async def ask(self, text: str, reply_to: int | None) -> Message:
        """Let Ann write something and return the bot's last message."""
        jobs = self.bot.states().total()
        self.telegram.send_text(self.chat, self.ann, text, reply_to=reply_to)
        await self.bot.settle(jobs + 1, 90)
        assert set(self.bot.states()) == {"done"}
        return self.telegram.answers(self.chat)[-1]

    @property
    def calls(self) -> list[Call]:
        """The calls that came of it."""
        return self.mimo.calls[self._before :]

    @property
    def questions(self) -> list[Call]:
        """What MiMo was asked, apart from what it only wrote down."""
        return [call for call in self.calls if call.question]


@pytest.fixture
def group(bot: Bot) -> Group:
    return Group(bot)


def answer_mood(order: ChatOrder) -> str:
    """The mood can be told by those only who hear."""
    return "(tone) Calm, a little tired." if order.sounds else "LISTEN"


async def test_three_questions_follow_one(group: Group) -> None:
    data = sounds.file("ogg-opus", sounds.speech(100.0))
    group.mimo.set_text(data, "What is said in it takes no part here.")
    group.mimo.add_answer("A president, and a reader.", pattern="Who speaks")
    group.mimo.add_answer(answer_mood, pattern="mood")
    voice = group.telegram.send_voice(group.chat, group.ben, data, duration=100)

    answer = await group.ask("/ask Who speaks?", voice)
    assert answer.text == "A president, and a reader."
    [first] = group.questions
    [sound] = first.sounds
    # As it came from Telegram: nothing was encoded again.
    assert sound["sha256"] == hashlib.sha256(data).hexdigest() and sound["kind"] == "ogg"

    answer = await group.ask("What is said first?", answer.message_id)
    assert [len(call.sounds) for call in group.questions] == [1, 0]
    written_down = len(group.calls) - 2
    assert written_down > 1  # piece by piece

    answer = await group.ask("And the mood?", answer.message_id)
    assert [len(call.sounds) for call in group.questions] == [1, 0, 0, 1]
    assert answer.text.startswith("Calm, a little tired.")
    assert "rests on how it sounds" in answer.text

    answer = await group.ask("How does it end?", answer.message_id)
    assert [len(call.sounds) for call in group.questions] == [1, 0, 0, 1, 0]
    assert len(group.calls) == 5 + written_down
    assert len(group.telegram.answers(group.chat)) == 4
    last = group.questions[-1].request
    assert [message["role"] for message in last["messages"]] == [
        *("system", "user", "assistant", "user", "assistant", "user", "assistant", "user")
    ]
