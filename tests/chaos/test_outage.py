"""An engine outage: messages are kept, people notified once, and all answered afterwards."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import Notes, read_number, send_notes
from tests.chaos.report import add_table
from tests.chaos.running_program import RunningProgram, wait_for
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Factor of the clock: seconds of the test are minutes of the outage.
SPEED = 60.0
KEPT = "Your message is kept"
NOTES = 30 if IS_LONG else 12


def check_answers(telegram: TelegramServer, notes: Notes) -> list[int]:
    """Check that everybody has one reply. Return how many notices each saw before."""
    notices = []
    for person, (message, number) in notes.items():
        [answer] = telegram.replies(person)
        assert answer.reply_to == message
        assert read_number(answer.text) == number
        notices.append(
            sum(KEPT in text or "until its operator" in text for text in answer.versions)
        )
    return notices


async def test_an_outage_loses_nothing(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer
) -> None:
    mimo.add_fault("503", times=None)
    notes = await send_notes(telegram, range(1, NOTES + 1))
    await bot.start(speed=SPEED)
    await wait_for(lambda: '"wait_s": 8.0' in bot.log, 60)
    down = [call.started_at_s for call in mimo.requests]
    port = int(mimo.origin.rpartition(":")[2])
    await asyncio.to_thread(mimo.stop)
    await wait_for(lambda: '"wait_s": 60.0' in bot.log, 60)
    async with MimoServer(port=port) as again:
        states = await bot.settle(NOTES)
        back = [call.started_at_s for call in again.requests]
        notices = check_answers(telegram, notes) if states == {"done": NOTES} else []
        add_table(
            f"{NOTES} notes and an outage of minutes",
            ("calls while down", "calls afterwards", "billed calls", "jobs", "notices"),
            [(len(down), len(back), len(again.billed), dict(states), sum(notices))],
        )
        assert states == {"done": NOTES}
        assert len(again.billed) == NOTES
        await bot.stop()
    assert max(notices) <= 1
    # A few calls fail; then one at a time checks whether the engine is back.
    assert len(down) <= 30
    assert all((later - earlier) * SPEED > 2.0 for earlier, later in pairwise(down[10:]))
    assert len(back) <= 40
