"""Killed at each step of a correction, then started again: learned once, mended, answered once."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from core.models import Chat, Correction
from core.store import Store, make_cipher
from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.points import FIX_POINTS
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support import sounds

pytestmark = pytest.mark.chaos

ANSWER = "seconds → Sekonds, from now on."
#: Each step, and at which pass of it.
STEPS = [
    *((name, 1) for name in FIX_POINTS),
    ("S8 reply saved", 1),
    ("S9 reply sent", 1),
    ("S9 reply sent", 2),
    ("SX reply delivered", 1),
]


async def test_killed_at_each_step_of_a_correction(tmp_path: Path) -> None:
    gate = asyncio.Semaphore(2)

    async def run(step: tuple[str, int]) -> list[str]:
        async with gate:
            folder = tmp_path / f"{step[0][:2]} {step[1]}"
            return [f"{step}: {fault}" for fault in await run_once(step, folder)]

    steps = STEPS if IS_LONG else STEPS[1::2]
    faults = await asyncio.gather(*(run(step) for step in steps))
    assert [fault for some in faults for fault in some] == []


async def run_once(step: tuple[str, int], folder: Path) -> list[str]:
    """Have a note written down, kill the process at a step of its correction, start another."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        Bot(folder, telegram, mimo) as bot,
    ):
        ann = telegram.add_user("Ann")
        group = telegram.add_chat(members={ann: "member"})
        voice = telegram.send_voice(group, ann, sounds.file("ogg-opus"))
        telegram.send_command(group, ann, "/transcribe", reply_to=voice)
        await bot.start()
        await bot.settle(1)
        await bot.stop()
        [shown] = telegram.answers(group)
        telegram.send_text(group, ann, "seconds = Sekonds", reply_to=shown.message_id)
        code, in_doubt = await bot.outlive(step[0], 2, count=step[1])
        mended, *answers = telegram.answers(group)
        learned = await read_glossary(bot, group)
        found = {
            "the step was not reached": code != -signal.SIGKILL,
            "not mended in place": mended.text != shown.text.replace("seconds", "Sekonds"),
            "not answered": not answers,
            "answered twice": len(answers) > 1 + sum(map(len, in_doubt)),
            "another answer": any(answer.text != ANSWER for answer in answers),
            "not learned once": learned != (Correction("seconds", "Sekonds"),),
            "a job is open": dict(bot.states()) != {"done": 2},
            "heard again": len(mimo.billed) != 1,
        }
        return [name for name, is_so in found.items() if is_so]


async def read_glossary(bot: Bot, group: int) -> tuple[Correction, ...]:
    home = Path(bot.environment["HEARSAY_HOME"])
    store = Store(f"sqlite:///{home / 'hearsay.db'}", make_cipher(None, home))
    try:
        bot_id = bot.environment["TELEGRAM_BOT_TOKEN"].partition(":")[0]
        settings = await store.chats.settings(Chat("telegram", bot_id, str(group)))
        return settings.talk.glossary
    finally:
        await store.close()
