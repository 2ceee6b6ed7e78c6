"""Killed at each step of a question that follows, then started again: one answer, paid once."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.chat_contract import ChatOrder
from tests.emulators.telegram import TelegramServer
from tests.support import sounds

pytestmark = pytest.mark.chaos

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
CALLS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question."""

    step: tuple[str, int]
    #: How the first process ended: -9 if the step was reached.
    code: int
    answers: list[str]
    #: Messages of which nobody knew at the kill whether they were sent, text so far included.
    in_doubt: int
    #: How often the recording was written down, asked about in words, and sent.
    billed: Counter[str]
    states: dict[str, int]

    def faults(self) -> list[str]:
        """Return what is not as promised."""
        found = {
            "the step was not reached": self.code != -signal.SIGKILL,
            "lost": not self.answers,
            "doubled": len(self.answers) > 1 + self.in_doubt,
            "not the answer": any(not text.startswith(MOOD) for text in self.answers),
            "a call was paid for too often": max(self.billed.values()) > 2,
            "what was kept was paid for again": self.billed.total() > 2 * CALLS - STEPS[self.step],
            "asked otherwise": len(self.billed) != CALLS,
            "a job is open": self.states != {"done": 2},
        }
        return [f"{self.step}: {name}" for name, is_so in found.items() if is_so]


async def test_killed_at_each_step_of_ask(tmp_path: Path) -> None:
    gate = asyncio.Semaphore(3)
    # The short form: one kill before each call, and those around the reply.
    steps = STEPS if IS_LONG else [*list(STEPS)[1::2], ("S9 reply sent", 1)]

    async def run(step: tuple[str, int]) -> Outcome:
        async with gate:
            return await run_once(step, tmp_path / f"{step[0][:2]} {step[1]}")

    outcomes = await asyncio.gather(*(run(step) for step in steps))
    add_table(
        "killed at each step of /ask",
        ("step", "answers", "billed calls"),
        [(" ".join(map(str, o.step)), len(o.answers), o.billed.total()) for o in outcomes],
    )
    assert [fault for outcome in outcomes for fault in outcome.faults()] == []


def answer_mood(order: ChatOrder) -> str:
    """The mood can be told by those only who hear."""
    return MOOD if order.sounds else "LISTEN"


async def run_once(step: tuple[str, int], folder: Path) -> Outcome:
    """Answer one question, kill the process at a step of the next, and start another."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        Bot(folder, telegram, mimo) as bot,
    ):
        mimo.add_answer(answer_mood, pattern="mood")
        ann = telegram.add_user("Ann")
        group = telegram.add_chat(members={ann: "member"})
        voice = telegram.send_voice(group, ann, sounds.file("ogg-opus"))
        telegram.send_command(group, ann, "/ask Who speaks?", reply_to=voice)
        await bot.start()
        await bot.settle(1)
        await bot.stop()
        [first], before = telegram.answers(group), len(mimo.billed)
        telegram.send_text(group, ann, "And the mood?", reply_to=first.message_id)
        code, in_doubt = await bot.outlive(step[0], 2, count=step[1])
        answers = [answer.text for answer in telegram.answers(group)[1:]]
        calls = mimo.billed[before:]
        billed = Counter(
            "asr" if not call.question else f"{len(call.sounds)} sounds" for call in calls
        )
        return Outcome(step, code, answers, sum(map(len, in_doubt)), billed, dict(bot.states()))
