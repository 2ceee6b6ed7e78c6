"""Killed at each step of /summary, then started again: one summary, no kept part paid twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.points import ANSWER_POINTS
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = pytest.mark.chaos

#: Enough for three parts, which a fourth question joins.
MESSAGES, CHARS, QUESTIONS = 48, 4000, 4
#: The step and which pass of it: of the first part, and of the question that joins them.
STEPS = [
    *((step, count) for step in list(ANSWER_POINTS)[:3] for count in (1, QUESTIONS)),
    ("A4 reading noted", 1),
    ("S8 reply saved", 1),
    ("S9 reply sent", 1),
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one /summary."""

    step: str
    #: How the second process ended: -9 if the step was reached.
    code: int
    texts: list[str]
    in_doubt: int
    #: How often each question was paid for.
    billed: Counter[str]
    states: dict[str, int]

    def faults(self) -> list[str]:
        """Return what is not as promised."""
        is_before_kept = self.step[:2] in ("A1", "A2")
        found = {
            "the step was not reached": self.code != -signal.SIGKILL,
            "lost": not self.texts,
            "doubled": len(self.texts) > 1 + self.in_doubt,
            "no summary": not all("messages: 48" in text for text in self.texts),
            "not the same questions": len(self.billed) != QUESTIONS,
            "a question was paid for too often": max(self.billed.values()) > 2,
            "what was kept was paid for again": self.billed.total() > QUESTIONS
            and not is_before_kept
            and self.step != "A3 answer kept 1",
            "a job is open": self.states != {"done": 2},
        }
        return [f"{self.step}: {name}" for name, is_so in found.items() if is_so]


async def test_killed_at_each_step_of_a_summary(tmp_path: Path) -> None:
    gate = asyncio.Semaphore(3)

    async def run(step: str, count: int) -> Outcome:
        async with gate:
            return await run_once(step, count, tmp_path / f"{step[:2]}{count}")

    steps = STEPS if IS_LONG else [*STEPS[1:6:2], STEPS[-1]]
    outcomes = await asyncio.gather(*(run(*step) for step in steps))
    add_table(
        "killed at each step of /summary",
        ("step", "summaries", "billed questions", "different ones"),
        [(o.step, len(o.texts), o.billed.total(), len(o.billed)) for o in outcomes],
    )
    assert [fault for outcome in outcomes for fault in outcome.faults()] == []


async def run_once(step: str, count: int, folder: Path) -> Outcome:
    """Let a group talk, kill the process at `step`, start another, return what is told."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        Bot(folder, telegram, mimo) as bot,
    ):
        anna = telegram.add_user("Anna")
        group = telegram.add_chat(members={anna: "creator"}, bot_status="administrator")
        telegram.send_command(group, anna, "/remember on")
        await bot.start()
        await bot.settle(1, 30)
        for number in range(MESSAGES):
            telegram.send_text(group, anna, f"{number} " + "words of it " * (CHARS // 12))
        await telegram.wait_for(lambda: not telegram.pending())
        await bot.stop()
        before = len(telegram.answers(group))
        telegram.send_command(group, anna, "/summary")
        code, (in_doubt, _) = await bot.outlive(step, 2, count=count)
        texts = [answer.text for answer in telegram.answers(group)[before:]]
        billed = Counter(call.question for call in mimo.billed if call.question)
        return Outcome(f"{step} {count}", code, texts, len(in_doubt), billed, dict(bot.states()))
