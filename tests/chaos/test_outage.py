"""The service is locked or down: notes are kept, people told once, all answered afterwards."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_notes, read_number
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Waits are so many times shorter: an outage of seconds is one of minutes.
HASTE = 10.0 if IS_LONG else 20.0
#: What only the operator can mend is tried again each minute: here every two seconds.
LOCKED_HASTE = 30.0
#: 6 s of an outage stand for two minutes, 60 s for ten.
OUTAGE_S = 60.0 if IS_LONG else 6.0
KEPT = "Your message is kept"

Notes = dict[int, tuple[int, int]]


async def send_notes(telegram: TelegramServer, count: int) -> Notes:
    """Let as many people send one note each; return person -> message and number."""
    notes = {}
    for number, sound in (await make_notes(range(1, count + 1))).items():
        person = telegram.add_user(f"Person {number}")
        notes[person] = telegram.send_voice(person, person, sound, duration=2), number
    return notes


def check_answers(telegram: TelegramServer, notes: Notes) -> list[int]:
    """Everybody has one message, the answer. Return how often each was told to wait before."""
    told = []
    for person, (message, number) in notes.items():
        [answer] = telegram.answers(person)
        assert answer.reply_to == message
        assert read_number(answer.text) == number
        told.append(sum(KEPT in text or "needs its operator" in text for text in answer.versions))
    return told


@pytest.mark.parametrize(("fault", "healing"), [("402", "service"), ("401", "restart")])
async def test_only_the_operator_can_mend_it(
    fault: str, healing: str, bot: Bot, telegram: TelegramServer, mimo: MimoServer
) -> None:
    mimo.add_fault(fault, times=None)
    notes = await send_notes(telegram, 6)
    await bot.start(haste=LOCKED_HASTE)
    await wait_for(lambda: all(telegram.answers(person) for person in notes), 30)
    for _ in range(8):
        assert not {"dead", "refused", "done"} & set(bot.states())
        # What must not happen in another process is looked for again and again.
        await asyncio.sleep(0.25)
    calls = len(mimo.calls)
    if healing == "restart":
        assert await bot.stop() == 0
    mimo.clear_faults()
    if healing == "restart":
        await bot.start()
    healed_at_s = time.monotonic()
    assert await bot.settle(6) == {"done": 6}
    took_s = time.monotonic() - healed_at_s
    add_table(
        f"locked with {fault}, healed by {healing}",
        ("calls while locked", "billed calls", "seconds to the last answer"),
        [(calls, len(mimo.billed), f"{took_s:.1f}")],
    )
    assert check_answers(telegram, notes) == [1] * 6
    assert len(mimo.billed) == 6


async def test_an_outage(bot: Bot, telegram: TelegramServer, mimo: MimoServer) -> None:
    mimo.add_fault("503", times=None)
    notes = await send_notes(telegram, 30)
    await bot.start(haste=HASTE)
    # An outage lasts, whatever the program in the other process does.
    await asyncio.sleep(OUTAGE_S / 2)
    down = [call.started_at_s for call in mimo.calls]
    port = int(mimo.origin.rpartition(":")[2])
    await asyncio.to_thread(mimo.stop)
    # An outage lasts, whatever the program in the other process does.
    await asyncio.sleep(OUTAGE_S / 2)
    async with MimoServer(port=port) as again:
        healed_at_s = time.monotonic()
        states = await bot.settle(30)
        took_s = time.monotonic() - healed_at_s
        back = [call.started_at_s for call in again.calls]
        told = check_answers(telegram, notes) if states == {"done": 30} else []
        add_table(
            f"30 notes and an outage of {OUTAGE_S:g} s, waits {HASTE:g} times shorter",
            ("calls while down", "billed calls", "seconds to the last answer", "jobs", "told"),
            [(len(down), len(again.billed), f"{took_s:.1f}", dict(states), sum(told))],
        )
        assert states == {"done": 30}
        assert len(again.billed) == 30
        await bot.stop()
    assert max(told) <= 1
    # A few calls find out that it is down; then one at a time asks whether it is back.
    assert len(down) <= 30
    assert all(later - earlier > 0.1 for earlier, later in pairwise(down[10:]))
    assert len(back) <= 40
