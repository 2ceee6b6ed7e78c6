"""Killed at each step of a correction, then started again: learned once, mended, answered once."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.models import Chat, Correction
from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.points import FIX_POINTS
from tests.support import sounds
from tests.support.clean_start import open_store

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

ANSWER = "seconds → Sekonds, from now on."
STEPS = [
    *((name, 1) for name in FIX_POINTS),
    ("S8 reply saved", 1),
    ("S9 reply sent", 1),
    ("S9 reply sent", 2),
    ("SX reply delivered", 1),
]


async def test_killed_at_each_step_of_a_correction(tmp_path: Path) -> None:
    await check_steps("a correction", STEPS if IS_LONG else STEPS[1:5:3], correct, tmp_path)


async def correct(bot: Bot, step: Step) -> Outcome:
    """Have a note written down, kill the process at a step of its correction, start another."""
    telegram = bot.telegram
    ann = telegram.add_user("Ann")
    group = telegram.add_chat(members={ann: "member"})
    voice = telegram.send_voice(group, ann, sounds.file("ogg-opus"))
    telegram.send_command(group, ann, "/transcribe", reply_to=voice)
    await bot.start(kill_at=step[0], kill_count=step[1], kill_late=True)
    await bot.settle(1)
    bot.arm()
    [shown] = telegram.answers(group)
    telegram.send_text(group, ann, "seconds = Sekonds", reply_to=shown.message_id)
    await bot.revive(2)
    mended, *answers = telegram.answers(group)
    faults = {
        "not mended in place": mended.text != shown.text.replace("seconds", "Sekonds"),
        "another answer": any(answer.text != ANSWER for answer in answers),
        "not learned once": await read_glossary(bot, group) != (Correction("seconds", "Sekonds"),),
        "heard again": len(bot.mimo.billed) != 1,
    }
    return Outcome(answers, len(bot.mimo.billed), faults)


async def read_glossary(bot: Bot, group: int) -> tuple[Correction, ...]:
    store = open_store(bot.home)
    try:
        bot_id = bot.telegram.token.partition(":")[0]
        settings = await store.chats.settings(Chat("telegram", bot_id, str(group)))
        return settings.talk.glossary
    finally:
        await store.close()
