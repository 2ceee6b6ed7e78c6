"""SIGTERM under load: the program stops quickly, starts nothing new, and answers all later."""

from __future__ import annotations

import signal
import time

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import read_number, send_notes
from tests.chaos.report import add_table
from tests.chaos.running_program import RunningProgram, wait_for
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Notes sent, and jobs run at once.
NOTES, SLOTS = (45, 32) if IS_LONG else (26, 20)
CLAIMED = "select job_id from jobs where attempts > 0"


def is_under_load(bot: RunningProgram, telegram: TelegramServer) -> bool:
    """Return whether most slots are busy, jobs wait, and replies are being sent."""
    states = bot.states()
    is_full = states["running"] >= SLOTS * 3 // 4 and states["waiting"] >= 3
    return is_full and bool(telegram.requests_to("sendMessage"))


async def test_sigterm_under_load_stops_quickly(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer
) -> None:
    # Telegram is so slow that the grace period ends in the middle of many sends.
    mimo.rules.latency_s = 4.0
    telegram.fault("sendMessage", "delay", delay_s=1.5, count=None)
    notes = await send_notes(telegram, range(1, NOTES + 1))
    await bot.start(constants={"core.jobs.runner:MAX_RUNNING": SLOTS})
    await wait_for(lambda: is_under_load(bot, telegram), 60, every_s=0.1)
    bot.signal(signal.SIGTERM)
    signalled_at_s = time.monotonic()
    await wait_for(lambda: '"stopping"' in bot.log, 5)
    claimed = bot.rows(CLAIMED)
    bot.signal(signal.SIGTERM)
    code = await bot.wait_for_exit()
    took_s = time.monotonic() - signalled_at_s
    states = bot.states()
    started = len({*bot.rows(CLAIMED)} - {*claimed})
    assert code == 0
    assert took_s < 10  # after that Docker sends SIGKILL
    # One claim may be in progress when the signal arrives.
    assert started <= 1
    assert states["waiting"] and states["running"]
    assert "Traceback" not in bot.log and "Task was destroyed" not in bot.log

    mimo.rules.latency_s = 0.0
    telegram.clear_faults()
    await bot.start()
    assert await bot.settle(NOTES) == {"done": NOTES}
    # An orderly stop saves each response that arrived in time.
    unconfirmed, duplicates = find_unconfirmed(telegram, within_s=0), 0
    for person, (message, number) in notes.items():
        answers = telegram.replies_to(person, message)
        assert {read_number(answer.text) for answer in answers} == {number}
        duplicates += count_duplicates(answers, unconfirmed)
    add_table(
        f"SIGTERM while {NOTES} notes arrive",
        ("code", "seconds", "claimed afterwards", "done", "running", "waiting", "duplicates"),
        [
            (
                code, f"{took_s:.1f}", started,
                *(states[name] for name in ("done", "running", "waiting")), duplicates,
            )
        ],
    )  # fmt: skip
    assert duplicates == 0
    assert len(mimo.billed) <= NOTES + states["running"]
