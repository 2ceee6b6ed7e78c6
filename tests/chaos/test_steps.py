"""Killed at each named step of one message's way, then started again: one answer, none lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.bot import Bot, SubprocessLauncher
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.notes import make_note, read_sound
from tests.chaos.points import POINTS
from tests.chaos.unconfirmed import find_unconfirmed
from tests.emulators.telegram import Message

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

PLACEHOLDER = "S3 placeholder sent"
LONG_ANSWER = ("S10 between parts", "SX part 1 sent")
#: How a note comes to be written down, and the steps of the short form: those that leave something
#: else behind than the step before, and in groups what differs.
KINDS = {
    "private": ("S0", "S1", "S2", "S6", "S7", "S8", "S9", "S10"),
    "group, /transcribe": ("S0", "S9"),
    "group, /auto on": ("S3", "S6", "S10"),
}
#: Answers of more than one message.
LONG_TEXT = " ".join(f"word{number}" for number in range(600))


@pytest.mark.parametrize("kind", KINDS)
async def test_killed_at_each_step(kind: str, tmp_path: Path) -> None:
    async def act(bot: Bot, step: Step) -> Outcome:
        return await transcribe(bot, step, kind)

    names = [name for name in POINTS if IS_LONG or name.partition(" ")[0] in KINDS[kind]]
    # Only groups have a placeholder; a person sees a draft. The note itself is an update too,
    # though nobody asked for it yet.
    steps = [
        (name, 2 if (kind, name[:2]) == ("group, /transcribe", "S0") else 1)
        for name in names
        if (kind, name) != ("private", PLACEHOLDER)
    ]
    await check_steps(f"one note, {kind}", steps, act, tmp_path)


async def transcribe(bot: Bot, step: Step, kind: str) -> Outcome:
    """Kill one process at `step`, start another, and return what the person sees."""
    telegram, mimo, (name, count) = bot.telegram, bot.mimo, step
    mimo.rules.latency_s = 0.2
    note = make_note(7)
    if name in LONG_ANSWER:
        mimo.set_text(await read_sound(note), f"w7 {LONG_TEXT}")
    chat, asked = await ask(bot, kind, note)
    await bot.kill_and_restart(
        name, 1, count=count, launcher=SubprocessLauncher() if IS_LONG else None
    )
    messages = telegram.replies(chat)
    answers, others = (split_long if name in LONG_ANSWER else split)(messages)
    lost = find_unconfirmed(telegram)
    faults = {
        "no reply": any(message.reply_to != asked for message in messages),
        "a message stays": any((one.chat_id, one.message_id) not in lost for one in others),
        "billed too often": len(mimo.billed) > 2,
    }
    return Outcome(answers, len(mimo.billed), faults)


async def ask(bot: Bot, kind: str, note: bytes) -> tuple[int, int]:
    """Let a person want one note in writing; return the chat and the message to be answered."""
    telegram = bot.telegram
    ann = telegram.add_user("Ann")
    if kind == "private":
        return ann, telegram.send_voice(ann, ann, note, duration=2)
    group = telegram.add_chat("supergroup", members={ann: "creator"})
    if kind == "group, /auto on":
        await bot.enable_auto(group)
        return group, telegram.send_voice(group, ann, note, duration=2)
    spoken = telegram.send_voice(group, ann, note, duration=2)
    return group, telegram.send_command(group, ann, "/transcribe", reply_to=spoken)


def split(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """Return the messages that hold the whole answer, and the others."""
    whole = [message for message in messages if message.text.endswith("w7")]
    return whole, [message for message in messages if message not in whole]


def split_long(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """The same of an answer in two parts: the part that stands there more often, and the rest."""
    firsts = [message for message in messages if message.text.startswith("w7 word0 ")]
    lasts = [message for message in messages if message.text.endswith("word599")]
    assert firsts and lasts and len(firsts[0].text) > 4000
    others = [message for message in messages if message not in (*firsts, *lasts)]
    return max(firsts, lasts, key=len), others
