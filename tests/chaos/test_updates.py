"""Updates that come again, in no order, under ids from elsewhere: each answered once."""

from __future__ import annotations

import random

import pytest

from tests.chaos.bot import Bot, wait_for
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_notes, read_number
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Notes that come again and again, and notes of one go under other ids.
NOTES, NEW = (12, 6) if IS_LONG else (6, 2)


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


async def test_updates_delivered_up_to_five_times(
    bot: Bot, telegram: TelegramServer, mimo: MimoServer
) -> None:
    random.seed(5)
    sounds = await make_notes(range(1, NOTES + 1))
    people = [telegram.add_user(f"Person {number}") for number in range(4)]
    notes = {}
    for number, sound in sounds.items():
        chat = people[number % 4]
        notes[chat, telegram.send_voice(chat, chat, sound, duration=2)] = number
    updates = telegram.pending()
    for update in updates:
        telegram.redeliver(update, random.randrange(5))
    await bot.start()
    await bot.settle(NOTES)
    await drain(telegram)
    assert count_answers(telegram, notes) == [1] * NOTES

    # A button is pressed; all that was ever sent comes again, before and after a restart.
    [answer, *_] = telegram.answers(people[0])
    telegram.press_button(people[0], people[0], answer.message_id, "a button of old")
    press = telegram.queue.next_id - 1
    for _ in range(2):
        for update in [press, *updates, press]:
            telegram.redeliver(update)
        await drain(telegram)
        await bot.settle(NOTES + 1)
        await bot.stop()
        await bot.start()
    await bot.settle(NOTES + 1)
    assert count_answers(telegram, notes) == [1] * NOTES
    assert len(telegram.answers_to(people[0], answer.message_id)) == 1
    assert len(mimo.billed) == NOTES


async def test_ids_out_of_order_with_gaps_and_begun_anew(
    bot: Bot, telegram: TelegramServer
) -> None:
    sounds = iter((await make_notes(range(1, NEW * 5 + 1))).items())
    people = [telegram.add_user(f"Person {number}") for number in range(3)]
    notes: dict[tuple[int, int], int] = {}

    def send(count: int) -> None:
        for _ in range(count):
            number, sound = next(sounds)
            chat = people[number % 3]
            notes[chat, telegram.send_voice(chat, chat, sound, duration=2)] = number

    telegram.shuffle()
    telegram.set_update_id(900_000_000)
    send(NEW)
    await bot.start()
    await drain(telegram)
    # After a week without updates ids go on at random: far above, then far below.
    for base in (900_500_000, 70_000_000):
        telegram.set_update_id(base)
        send(NEW)
        await drain(telegram)
        send(NEW)
        await drain(telegram)
    await bot.settle(NEW * 5)
    assert count_answers(telegram, notes) == [1] * (NEW * 5)
