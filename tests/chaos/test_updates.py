"""Updates that come again, in no order, under ids from elsewhere: each answered once."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_notes, read_number
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 30 if IS_LONG else 6


async def drain(telegram: TelegramServer) -> None:
    """Wait until the bot has confirmed everything, what is handed out again included."""
    await wait_for(lambda: not telegram.pending() and not telegram.queue._again, 15)


def count_answers(telegram: TelegramServer, notes: dict[tuple[int, int], int]) -> list[int]:
    """Return how often each note was answered; no answer may be another note's."""
    counts = []
    for (chat, message), number in notes.items():
        answers = telegram.answers_to(chat, message)
        assert {read_number(answer.text) for answer in answers} <= {number}
        counts.append(len(answers))
    return counts


async def test_updates_come_again_in_no_order_under_ids_begun_anew(
    bot: Bot, telegram: TelegramServer, mimo: MimoServer
) -> None:
    random.seed(5)
    sounds = iter((await make_notes(range(1, NOTES + 1))).items())
    people = [telegram.add_user(f"Person {number}") for number in range(3)]
    notes: dict[tuple[int, int], int] = {}

    def send() -> None:
        for number, sound in islice(sounds, NOTES // 3):
            chat = people[number % 3]
            notes[chat, telegram.send_voice(chat, chat, sound, duration=2)] = number
        for update in telegram.pending():
            telegram.redeliver(update, random.randrange(5))

    telegram.shuffle()
    telegram.set_update_id(900_000_000)
    send()
    await bot.start()
    await drain(telegram)
    # After a week without updates ids go on at random: far above, then far below.
    for base in (900_500_000, 70_000_000):
        telegram.set_update_id(base)
        send()
        await drain(telegram)
    await bot.settle(NOTES)
    assert count_answers(telegram, notes) == [1] * NOTES
    # All that was ever sent comes again, before and after a restart, and so does a press.
    [answer, *_] = telegram.answers(people[0])
    telegram.press_button(people[0], people[0], answer.message_id, "a button of old")
    for _ in range(2):
        for update in (*range(70_000_000, telegram.queue.next_id), 900_000_000, 900_500_000):
            telegram.redeliver(update)
        await drain(telegram)
        await bot.settle(NOTES + 1)
        await bot.stop()
        await bot.start()
    assert count_answers(telegram, notes) == [1] * NOTES
    assert len(telegram.answers_to(people[0], answer.message_id)) == 1
    assert len(mimo.billed) == NOTES
