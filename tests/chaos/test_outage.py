"""The service is down: notes are kept, people told once, all answered afterwards."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import Notes, read_number, send_notes
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: The clock runs so many times faster: an outage of seconds is one of minutes.
HASTE = 60.0
KEPT = "Your message is kept"
NOTES = 30 if IS_LONG else 12


def check_answers(telegram: TelegramServer, notes: Notes) -> list[int]:
    """Everybody has one message, the answer. Return how often each was told to wait before."""
    told = []
    for person, (message, number) in notes.items():
        [answer] = telegram.replies(person)
        assert answer.reply_to == message
        assert read_number(answer.text) == number
        told.append(sum(KEPT in text or "until its operator" in text for text in answer.versions))
    return told


async def test_an_outage(bot: Bot, telegram: TelegramServer, mimo: MimoServer) -> None:
    mimo.add_fault("503", times=None)
    notes = await send_notes(telegram, range(1, NOTES + 1))
    await bot.start(haste=HASTE)
    await wait_for(lambda: '"wait_s": 8.0' in bot.log, 60)
    down = [call.started_at_s for call in mimo.requests]
    port = int(mimo.origin.rpartition(":")[2])
    await asyncio.to_thread(mimo.stop)
    await wait_for(lambda: '"wait_s": 60.0' in bot.log, 60)
    async with MimoServer(port=port) as again:
        states = await bot.settle(NOTES)
        back = [call.started_at_s for call in again.requests]
        told = check_answers(telegram, notes) if states == {"done": NOTES} else []
        add_table(
            f"{NOTES} notes and an outage of minutes",
            ("calls while down", "calls afterwards", "billed calls", "jobs", "told"),
            [(len(down), len(back), len(again.billed), dict(states), sum(told))],
        )
        assert states == {"done": NOTES}
        assert len(again.billed) == NOTES
        await bot.stop()
    assert max(told) <= 1
    # A few calls find out that it is down; then one at a time asks whether it is back.
    assert len(down) <= 30
    assert all((later - earlier) * HASTE > 2.0 for earlier, later in pairwise(down[10:]))
    assert len(back) <= 40
