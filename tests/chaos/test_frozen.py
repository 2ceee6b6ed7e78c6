"""A process that is stopped and continued, as on a machine that sleeps, sends one reply each."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_notes, read_number
from tests.chaos.report import add_table
from tests.chaos.running_program import RunningProgram, wait_for
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 12 if IS_LONG else 4
#: Longer than every timeout of the program, which are short here, but not so short that a busy
#: machine would use them up: a call that nobody has stopped must not be repeated either.
FROZEN_S = 30.0 if IS_LONG else 6.5
LIMITS = {
    "core.clock:STANDSTILL_S": 0.5,
    "bots.telegram_bot.polling:POLL_S": 1.0,
    "bots.telegram_bot.polling:GRACE_S": 5.0,
    "bots.telegram_bot.outgoing.delivery:CALL_S": 6.0,
    "core.engines.mimo.role:MimoRole.deadline_s": 3.0,
}


async def test_a_continued_process_sends_one_reply_each(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer
) -> None:
    mimo.rules.latency_s = 0.5
    telegram.fault("sendMessage", "delay", delay_s=0.3, count=None)
    sounds = await make_notes(range(1, NOTES + 1))
    await bot.start(constants=LIMITS)
    notes, times = {}, 0
    for number, sound in sounds.items():
        person = telegram.add_user(f"Person {number}")
        notes[person] = telegram.send_voice(person, person, sound, duration=2), number
        if number % 4 == 0:  # while some are transcribed, some answered and some received
            calls = len(telegram.requests_to("sendMessage"))
            await wait_for(lambda at=calls: len(telegram.requests_to("sendMessage")) > at, 30)
            bot.signal(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_S)  # the stop itself is under test
            bot.signal(signal.SIGCONT)
            times += 1
    states = await bot.settle(NOTES)
    shown = {person: telegram.replies(person) for person in notes}
    # A response that arrived is not lost, however late it is read.
    unconfirmed = find_unconfirmed(telegram, within_s=0)
    duplicates = sum(count_duplicates(answers, unconfirmed) for answers in shown.values())
    add_table(
        f"frozen {times} times for {FROZEN_S:g} s",
        ("lost", "duplicates", "billed calls", "jobs"),
        [
            (
                sum(not answers for answers in shown.values()),
                duplicates, len(mimo.billed), dict(states),
            )
        ],
    )  # fmt: skip
    assert states == {"done": NOTES}
    assert not duplicates, (shown, unconfirmed, telegram.requests_to("sendMessage"))
    for person, (message, number) in notes.items():
        replies = {(answer.reply_to, read_number(answer.text)) for answer in shown[person]}
        assert replies == {(message, number)}
    assert "Traceback" not in bot.log
