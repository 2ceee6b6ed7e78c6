"""Killed at each step of /summary, then started again: one summary, no kept part paid twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.points import ANSWER_POINTS

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Enough for three parts, which a fourth question joins.
MESSAGES, CHARS, QUESTIONS = 48, 4000, 4
#: The step and which pass of it: of the first part, and of the question that joins them.
STEPS = [
    *((step, count) for step in list(ANSWER_POINTS)[:3] for count in (1, QUESTIONS)),
    ("A4 reading noted", 1),
    ("S8 reply saved", 1),
    ("S9 reply sent", 1),
]


async def test_killed_at_each_step_of_a_summary(tmp_path: Path) -> None:
    steps = STEPS if IS_LONG else [STEPS[1], STEPS[4]]
    await check_steps("/summary", steps, sum_up, tmp_path)


async def sum_up(bot: Bot, step: Step) -> Outcome:
    """Let a group talk, kill the process at `step`, start another, return what is told."""
    telegram = bot.telegram
    anna = telegram.add_user("Anna")
    group = telegram.add_chat(members={anna: "creator"}, bot_status="administrator")
    telegram.send_command(group, anna, "/remember on")
    await bot.start(kill_at=step[0], kill_count=step[1], kill_late=True)
    await bot.settle(1, 30)
    for number in range(MESSAGES):
        telegram.send_text(group, anna, f"{number} " + "words of it " * (CHARS // 12))
    await telegram.wait_for(lambda: not telegram.pending())
    bot.arm()
    before = len(telegram.answers(group))
    telegram.send_command(group, anna, "/summary")
    await bot.revive(2)
    answers = telegram.answers(group)[before:]
    billed = Counter(call.question for call in bot.mimo.billed if call.question)
    is_kept = step[0][:2] not in ("A1", "A2") and step != ("A3 answer kept", 1)
    faults = {
        "no summary": not all("messages: 48" in answer.text for answer in answers),
        "not the same questions": len(billed) != QUESTIONS,
        "a question was paid for too often": max(billed.values()) > 2,
        "what was kept was paid for again": is_kept and billed.total() > QUESTIONS,
    }
    return Outcome(answers, billed.total(), faults)
