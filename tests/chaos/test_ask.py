"""Killed at each step of a question that follows, then started again: one answer, paid once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.emulators.mimo.chat_contract import ChatOrder
from tests.support import sounds

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

MOOD = "Calm, a little tired."
#: The calls for a question about the mood, in order: the words are heard, they do not do, and so
#: the sound goes out. How many of them were kept when the process died at that pass of a step.
STEPS = {
    ("S7 heard", 1): 0,
    ("A6 being answered", 1): 0,
    ("A2 answered", 1): 1,
    ("A3 answer kept", 1): 2,
    ("A5 sound made ready", 1): 2,
    ("A2 answered", 2): 2,
    ("A3 answer kept", 2): 3,
    ("S8 reply saved", 1): 3,
    ("S9 reply sent", 1): 3,
}
#: The short form: the words were heard, an answer was kept, the sound was made ready.
SHORT = [*STEPS][1:6:2]
CALLS = 3


async def test_killed_at_each_step_of_ask(tmp_path: Path) -> None:
    await check_steps("/ask", STEPS if IS_LONG else SHORT, ask, tmp_path)


def answer_mood(order: ChatOrder) -> str:
    """The mood can be told by those only who hear."""
    return MOOD if order.sounds else "LISTEN"


async def ask(bot: Bot, step: Step) -> Outcome:
    """Answer one question, kill the process at a step of the next, and start another."""
    telegram, mimo = bot.telegram, bot.mimo
    mimo.add_answer(answer_mood, pattern="mood")
    ann = telegram.add_user("Ann")
    group = telegram.add_chat(members={ann: "member"})
    voice = telegram.send_voice(group, ann, sounds.file("ogg-opus"))
    telegram.send_command(group, ann, "/ask Who speaks?", reply_to=voice)
    await bot.start(kill_at=step[0], kill_count=step[1], kill_late=True)
    await bot.settle(1)
    bot.arm()
    [first], before = telegram.answers(group), len(mimo.billed)
    telegram.send_text(group, ann, "And the mood?", reply_to=first.message_id)
    await bot.revive(2)
    answers = telegram.answers(group)[1:]
    # How often the recording was written down, asked about in words, and sent.
    calls = mimo.billed[before:]
    billed = Counter(f"{len(call.sounds)} sounds" if call.question else "asr" for call in calls)
    faults = {
        "not the answer": any(not answer.text.startswith(MOOD) for answer in answers),
        "a call was paid for too often": max(billed.values()) > 2,
        "what was kept was paid for again": billed.total() > 2 * CALLS - STEPS[step],
        "asked otherwise": len(billed) != CALLS,
    }
    return Outcome(answers, billed.total(), faults)
