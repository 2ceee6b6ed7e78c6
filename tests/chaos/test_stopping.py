"""SIGTERM under load: a quick and clean end, nothing new begun, all answered afterwards."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.notes import make_notes, read_number
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = pytest.mark.chaos

NOTES = 45
#: Slow enough that many are under way, quick enough that some end after the signal.
LATENCY_S = 4.5
CLAIMED = "select job_id from jobs where attempts > 0"


def is_under_load(bot: Bot) -> bool:
    """Tell whether all hands are full, and more waits: also where notes come in slowly."""
    states = bot.states()
    return states["running"] >= 24 and states["waiting"] >= 5


async def test_sigterm_under_load(bot: Bot, telegram: TelegramServer, mimo: MimoServer) -> None:
    mimo.rules.latency_s = LATENCY_S
    notes = {}
    for number, sound in (await make_notes(range(1, NOTES + 1))).items():
        person = telegram.add_user(f"Person {number}")
        notes[person] = telegram.send_voice(person, person, sound, duration=2), number
    await bot.start()
    await wait_for(lambda: is_under_load(bot), 60, every_s=0.1)
    bot.signal(signal.SIGTERM)
    signalled_at_s = time.monotonic()
    await wait_for(lambda: '"stopping"' in bot.log, 5)
    claimed = bot.rows(CLAIMED)
    await asyncio.sleep(0.5)
    bot.signal(signal.SIGTERM)
    code = await bot.ended()
    took_s = time.monotonic() - signalled_at_s
    states = bot.states()
    add_table(
        f"SIGTERM while {NOTES} notes come in",
        ("exit code", "seconds", "claimed after it", "done", "under way at the end", "waiting"),
        [
            (
                code, f"{took_s:.1f}", len({*bot.rows(CLAIMED)} - {*claimed}),
                states["done"], states["running"], states["waiting"],
            )
        ],
    )  # fmt: skip
    assert code == 0
    assert took_s <= 8
    # One claim may be on its way to the disk when the signal comes.
    assert len({*bot.rows(CLAIMED)} - {*claimed}) <= 1
    assert states["waiting"] and states["running"]
    assert "Traceback" not in bot.log and "Task was destroyed" not in bot.log

    mimo.rules.latency_s = 0.0
    await bot.start()
    assert await bot.settle(NOTES) == {"done": NOTES}
    for person, (message, number) in notes.items():
        [answer] = telegram.answers_to(person, message)
        assert read_number(answer.text) == number
    assert len(mimo.billed) <= NOTES + states["running"]
