"""Killed at each named step of one message's way, then started again: one answer, none lost."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.bot import Bot, Plain
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import make_note, read_sound
from tests.chaos.points import POINTS
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import Message, TelegramServer

pytestmark = pytest.mark.chaos

PLACEHOLDER = "S3 placeholder sent"
LONG_ANSWER = ("S10 between parts", "SX part 1 sent")
KINDS = ("private", "group, /transcribe", "group, /auto on")
GROUP_STEPS = {KINDS[1]: ("S0", "S1", "S9"), KINDS[2]: ("S1", "S3", "S6", "S7", "S9", "S10")}
#: Answers of more than one message.
LONG_TEXT = " ".join(f"word{number}" for number in range(600))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one message in one run."""

    step: str
    kind: str
    #: How the first process ended: -9 if the step was reached.
    code: int
    #: Visible messages that hold the answer; for a long one, how often its first part is there.
    answers: int
    #: Visible messages that hold only a part of it.
    leftovers: int
    billed: int
    #: Parts and placeholders of which nobody knew at the kill whether they were sent.
    parts_in_doubt: int
    placeholders_in_doubt: int
    states: dict[str, int]

    def faults(self) -> list[str]:
        """Return what is not as promised."""
        found = {
            "the step was not reached": self.code != -signal.SIGKILL,
            "lost": self.answers < 1,
            "doubled": self.answers > 1 + self.parts_in_doubt,
            "a placeholder stays": self.leftovers > self.placeholders_in_doubt,
            "billed too often": self.billed > 2,
            "a job is open": set(self.states) != {"done"},
        }
        return [f"{self.step}, {self.kind}: {name}" for name, is_so in found.items() if is_so]


@pytest.mark.parametrize("kind", KINDS)
async def test_killed_at_each_step(kind: str, tmp_path: Path) -> None:
    steps = pick_steps(kind)
    gate = asyncio.Semaphore(4)

    async def run(step: str) -> Outcome:
        async with gate:
            return await run_once(step, kind, tmp_path / step[:3].strip() / step[-4:])

    outcomes = await asyncio.gather(*(run(step) for step in steps))
    add_table(
        f"killed at each step, {kind}",
        ("step", "lost", "answers", "leftovers", "billed calls", "jobs"),
        [
            (o.step, int(o.answers < 1), o.answers, o.leftovers, o.billed, o.states)
            for o in outcomes
        ],
    )
    assert [fault for outcome in outcomes for fault in outcome.faults()] == []


def pick_steps(kind: str) -> list[str]:
    """Return the steps to be tried: in the short form, of those in groups what differs there."""
    if kind == KINDS[0]:
        # Only groups have a placeholder; a person sees a draft.
        steps = [step for step in POINTS if step != PLACEHOLDER]
        return [step for step in steps if IS_LONG or not step.startswith("SX")]
    short = GROUP_STEPS[kind]
    return [step for step in POINTS if IS_LONG or step.partition(" ")[0] in short]


async def run_once(step: str, kind: str, folder: Path) -> Outcome:
    """Kill one process at `step`, start another, and return what the person sees."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        Bot(folder, telegram, mimo) as bot,
    ):
        mimo.rules.latency_s = 0.2
        note = make_note(7)
        if step in LONG_ANSWER:
            mimo.set_text(await read_sound(note), f"w7 {LONG_TEXT}")
        chat, asked = await ask(telegram, bot, kind, note)
        # The note itself is an update too, though nobody asked for it yet.
        count = 2 if kind == KINDS[1] and step[:2] == "S0" else 1
        restart = Plain() if IS_LONG else None
        code, (parts, placeholders) = await bot.outlive(step, 1, count=count, restart=restart)
        answers, leftovers = count_answers(telegram.answers(chat), asked, step)
        seen = answers, leftovers, len(mimo.billed), len(parts), len(placeholders)
        return Outcome(step, kind, code, *seen, dict(bot.states()))


async def ask(telegram: TelegramServer, bot: Bot, kind: str, note: bytes) -> tuple[int, int]:
    """Let a person want one note in writing; return the chat and the message to be answered."""
    ann = telegram.add_user("Ann")
    if kind == KINDS[0]:
        return ann, telegram.send_voice(ann, ann, note, duration=2)
    group = telegram.add_chat("supergroup", members={ann: "creator"})
    if kind == KINDS[2]:
        await bot.write_all(group)
        return group, telegram.send_voice(group, ann, note, duration=2)
    spoken = telegram.send_voice(group, ann, note, duration=2)
    return group, telegram.send_command(group, ann, "/transcribe", reply_to=spoken)


def count_answers(messages: list[Message], asked: int, step: str) -> tuple[int, int]:
    """Return how often the whole answer stands in the chat, and what else the bot left there."""
    assert all(message.reply_to == asked for message in messages)
    if step not in LONG_ANSWER:
        whole = [message for message in messages if message.text.endswith("w7")]
        return len(whole), len(messages) - len(whole)
    firsts = [message for message in messages if message.text.startswith("w7 word0 ")]
    lasts = [message for message in messages if message.text.endswith("word599")]
    assert firsts and lasts and len(firsts[0].text) > 4000
    return max(len(firsts), len(lasts)), len(messages) - len(firsts) - len(lasts)
