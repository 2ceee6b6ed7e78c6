"""SIGTERM under load: a quick and clean end, nothing new begun, all answered afterwards."""

from __future__ import annotations

import signal
import time

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import read_number, send_notes
from tests.chaos.report import add_table
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: How many notes come in, and how many are heard at once.
NOTES, HANDS = (45, 32) if IS_LONG else (26, 20)
CLAIMED = "select job_id from jobs where attempts > 0"


def is_under_load(bot: Bot, telegram: TelegramServer) -> bool:
    """Tell whether all hands are full, more waits, and answers are on their way out."""
    states = bot.states()
    is_full = states["running"] >= HANDS * 3 // 4 and states["waiting"] >= 3
    return is_full and bool(telegram.requests_to("sendMessage"))


async def test_sigterm_under_load(bot: Bot, telegram: TelegramServer, mimo: MimoServer) -> None:
    # Telegram answers so slowly that the jobs' time is over in the middle of many sends.
    mimo.rules.latency_s = 4.0
    telegram.fault("sendMessage", "delay", delay_s=1.5, count=None)
    notes = await send_notes(telegram, range(1, NOTES + 1))
    await bot.start(constants={"core.jobs:MAX_RUNNING": HANDS})
    await wait_for(lambda: is_under_load(bot, telegram), 60, every_s=0.1)
    bot.signal(signal.SIGTERM)
    signalled_at_s = time.monotonic()
    await wait_for(lambda: '"stopping"' in bot.log, 5)
    claimed = bot.rows(CLAIMED)
    bot.signal(signal.SIGTERM)
    code = await bot.wait_for_exit()
    took_s = time.monotonic() - signalled_at_s
    states = bot.states()
    begun = len({*bot.rows(CLAIMED)} - {*claimed})
    assert code == 0
    assert took_s < 10  # then docker kills it
    # One claim may be on its way to the disk when the signal comes.
    assert begun <= 1
    assert states["waiting"] and states["running"]
    assert "Traceback" not in bot.log and "Task was destroyed" not in bot.log

    mimo.rules.latency_s = 0.0
    telegram.clear_faults()
    await bot.start()
    assert await bot.settle(NOTES) == {"done": NOTES}
    # An orderly end keeps each answer of Telegram's that came in time.
    lost, doubled = find_unconfirmed(telegram, within_s=0), 0
    for person, (message, number) in notes.items():
        answers = telegram.replies_to(person, message)
        assert {read_number(answer.text) for answer in answers} == {number}
        doubled += count_duplicates(answers, lost)
    add_table(
        f"SIGTERM while {NOTES} notes come in",
        ("code", "seconds", "claimed after it", "done", "under way", "waiting", "doubled"),
        [
            (
                code, f"{took_s:.1f}", begun,
                *(states[name] for name in ("done", "running", "waiting")), doubled,
            )
        ],
    )  # fmt: skip
    assert doubled == 0
    assert len(mimo.billed) <= NOTES + states["running"]
