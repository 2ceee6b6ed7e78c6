"""An engine outage: everybody is told within 90 s, and Retry answers afterwards."""

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

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.finding(11)]

#: Factor of the clock: seconds of the test are minutes of the outage.
SPEED = 60.0
#: Longer by as much as the calls, which take real time, seem to take.
CONSTANTS = {
    "core.operations.delays:DelayNotices.tell_after_s": 120.0,
    "core.stall:StallTimer.max_s": 600.0,
    # Test calls of the program's own would be counted, too.
    "core.operations.incidents:REST_PROBE_S": 1e9,
}
NOTES = 30 if IS_LONG else 12


def check_failures(telegram: TelegramServer, notes: Notes) -> None:
    """Check that everybody has one reply, which offers to try again."""
    for person, (message, _) in notes.items():
        [failure] = telegram.replies(person)
        assert failure.reply_to == message
        assert failure.labels == ["Retry"]


def check_answers(telegram: TelegramServer, notes: Notes) -> None:
    """Check that everybody has one reply, the right one."""
    for person, (_, number) in notes.items():
        [answer] = telegram.replies(person)
        assert read_number(answer.text) == number


async def test_an_outage_loses_nothing(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer
) -> None:
    mimo.add_fault("503", times=None)
    notes = await send_notes(telegram, range(1, NOTES + 1))
    await bot.start(speed=SPEED, constants=CONSTANTS)
    await wait_for(lambda: '"wait_s": 8.0' in bot.log, 60)
    down = [call.started_at_s for call in mimo.requests]
    port = int(mimo.origin.rpartition(":")[2])
    await asyncio.to_thread(mimo.stop)
    assert await bot.settle(NOTES) == {"dead": NOTES}
    check_failures(telegram, notes)
    async with MimoServer(port=port) as again:
        for person in notes:
            [failure] = telegram.replies(person)
            telegram.press_button(person, person, failure.message_id, "Retry")
        await wait_for(lambda: bot.states()["dead"] == 0, 60)
        states = await bot.settle(2 * NOTES)
        back = [call.started_at_s for call in again.requests]
        add_table(
            f"{NOTES} notes and an outage of minutes",
            ("calls while down", "calls afterwards", "billed calls", "jobs"),
            [(len(down), len(back), len(again.billed), dict(states))],
        )
        assert states == {"done": 2 * NOTES}, "the notes and the presses of Retry"
        check_answers(telegram, notes)
        assert len(again.billed) == NOTES
        await bot.stop()
    # A few calls fail; then one at a time checks whether the engine is back.
    assert len(down) <= 30
    assert all((later - earlier) * SPEED > 2.0 for earlier, later in pairwise(down[10:]))
    assert len(back) <= 40
