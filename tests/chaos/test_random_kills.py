"""Repeated kills at random moments under load: nothing lost, nothing out of order."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_notes, read_number
from tests.chaos.report import add_table
from tests.chaos.running_program import RunningProgram
from tests.chaos.unconfirmed import KEPT_WITHIN_S, count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES, CHATS, KILLS = (1000, 40, 200) if IS_LONG else (24, 8, 6)
#: The longest life of a process after its start.
LIFE_S = 1.8 if IS_LONG else 1.0
#: The notes exceed an account's calls per minute.
UNLIMITED = {"has_limits": False}
DRAIN_S = 600.0 if IS_LONG else 60.0
#: A generous limit for the whole test.
LIMIT_S = 1200.0 if IS_LONG else 180.0


@dataclass
class Storm:
    """What was sent, and the engine calls that kills put at risk."""

    telegram: TelegramServer
    mimo: MimoServer
    #: Calls whose result a killed process may not have saved; they are repeated.
    calls_at_risk: int = 0
    #: Chat -> message id -> number of the note, in the order sent.
    sent: dict[int, dict[int, int]] = field(default_factory=dict)

    async def feed(self, notes: Mapping[int, bytes], over_s: float) -> None:
        """Send all notes, spread over `over_s` seconds and over all chats."""
        for number, note in notes.items():
            chat = random.choice(list(self.sent))
            members = [user for user in self.telegram.world.chats[chat].members if user != 123456]
            message = self.telegram.send_voice(chat, members[0], note, duration=2)
            self.sent[chat][message] = number
            # Notes arrive one after the other.
            await asyncio.sleep(over_s / len(notes))

    async def kill_often(self, bot: RunningProgram, count: int) -> None:
        """Start and kill `count` times, sometimes before anything is received."""
        for _ in range(count):
            is_early = random.random() < 0.2
            await bot.start(is_awaited=not is_early, **UNLIMITED)
            # The kill comes at a random moment.
            await asyncio.sleep(random.uniform(0.0, 0.5 if is_early else LIFE_S))
            killed_s = time.monotonic()
            await bot.kill()
            self.note_kill(killed_s)

    def note_kill(self, killed_s: float) -> None:
        """Count the calls whose results a kill at `killed_s`, monotonic seconds, may have lost."""
        self.calls_at_risk += sum(
            call.ended_at_s is None or call.ended_at_s >= killed_s - KEPT_WITHIN_S
            for call in self.mimo.requests
        )

    def count(self) -> Counter[str]:
        """Return counts of what people see."""
        found: Counter[str] = Counter()
        unconfirmed = find_unconfirmed(self.telegram)
        for chat, numbers in self.sent.items():
            firsts = []
            for message, number in numbers.items():
                shown = self.telegram.replies_to(chat, message)
                whole = [answer for answer in shown if is_of(answer.text, number)]
                others = [answer for answer in shown if answer not in whole]
                found["lost"] += not whole
                found["duplicates"] += count_duplicates(whole, unconfirmed)
                found["allowed repeats"] += max(0, len(whole) - 1)
                # Replies to another note, and placeholders that should be gone.
                found["wrong reply"] += sum(
                    read_number(answer.text) is not None for answer in others
                )
                found["leftover"] += sum(
                    (chat, one.message_id) not in unconfirmed for one in others
                )
                firsts += [answer.message_id for answer in whole[:1]]
            found["out of order"] += sum(earlier > later for earlier, later in pairwise(firsts))
        found["allowed repeats"] -= found["duplicates"]
        return found


def is_of(text: str, number: int) -> bool:
    """Return whether `text` is the complete transcript of note `number`."""
    return read_number(text) == number


async def test_random_kills_lose_nothing(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer
) -> None:
    random.seed(11)
    notes = await make_notes(range(1, NOTES + 1))
    mimo.rules.latency_s = 0.1
    storm = Storm(telegram, mimo)
    for number in range(CHATS):
        user = telegram.add_user(f"Person {number}")
        chat = user if number % 4 else telegram.add_chat("supergroup", members={user: "creator"})
        storm.sent[chat] = {}
        if chat != user:
            await bot.enable_auto(chat)
    async with asyncio.timeout(LIMIT_S - DRAIN_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(storm.kill_often(bot, KILLS))
        tasks.create_task(storm.feed(notes, over_s=KILLS * LIFE_S / 2))
    await bot.start(**UNLIMITED)
    states = await bot.settle(NOTES, DRAIN_S)
    seen = storm.count()
    billed = len(mimo.billed)
    add_table(
        f"{NOTES} notes in {CHATS} chats, {KILLS} random kills",
        (*seen, "billed calls", "jobs"),
        [(*seen.values(), billed, dict(states))],
    )
    del seen["allowed repeats"]
    assert +seen == Counter()
    assert states == {"done": NOTES}
    assert billed <= NOTES + storm.calls_at_risk
    assert "Traceback" not in bot.whole_log
