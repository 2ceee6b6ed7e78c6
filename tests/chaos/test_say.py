"""Killed at each step of /say, then started again: one voice message, no piece paid for twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.points import SPEECH_POINTS
from tests.emulators.mimo.speaking import RATE_HZ, expected_numbers, read_numbers
from tests.emulators.telegram import Message
from tests.support import sounds

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Two pieces: the first has at most 200 characters.
TEXT = " ".join(f"Sentence number {n} of a story that is told in parts." for n in range(8))
PIECES = 2
#: Pieces of which it is certain that they were kept when the process died.
KEPT = {"V3 piece kept": 1, "S8 reply saved": 2, "S9 reply sent": 2, "SX reply delivered": 2}
STEPS = [(name, 1) for name in (*SPEECH_POINTS, *list(KEPT)[1:])]


async def test_killed_at_each_step_of_say(tmp_path: Path) -> None:
    await check_steps("/say", STEPS if IS_LONG else STEPS[1:3], say, tmp_path)


async def say(bot: Bot, step: Step) -> Outcome:
    """Kill one process at `step`, start another, and hear what the person hears."""
    telegram = bot.telegram
    ann = telegram.add_user("Ann")
    asked = telegram.send_command(ann, ann, f"/say {TEXT}")
    await bot.outlive(step[0], 1, count=step[1])
    answers = telegram.answers(ann)
    billed = Counter(call.text for call in bot.mimo.billed)
    faults = {
        "no reply": any(answer.reply_to != asked for answer in answers),
        "not what was to be said": any(hear(one) != expected_numbers(TEXT) for one in answers),
        "a piece was paid for too often": max(billed.values()) > 2,
        "what was kept was paid for again": billed.total() > 2 * PIECES - KEPT.get(step[0], 0),
        "cut otherwise": len(billed) != PIECES,
    }
    return Outcome(answers, billed.total(), faults)


def hear(answer: Message) -> list[int | None]:
    """Return the numbers that a voice message says."""
    if answer.file is None or answer.file.kind != "voice":
        return []
    return read_numbers(sounds.decode(answer.file.data, RATE_HZ), RATE_HZ)
