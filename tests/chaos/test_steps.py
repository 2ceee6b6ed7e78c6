"""Kills at each named step between intake and delivery: one reply, none lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.many_processes.cluster import Cluster
from tests.chaos.notes import make_note, read_sound
from tests.chaos.points import POINTS
from tests.chaos.running_program import RunningProgram, SubprocessLauncher
from tests.chaos.unconfirmed import find_unconfirmed
from tests.emulators.telegram import Message

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Those of a reply that takes the place of a live message.
LIVE = ("S3 placeholder sent", "SX reply delivered")
LONG_ANSWER = ("S10 between parts", "SX part 1 sent")
#: Ways to request a transcription, and the steps of the short form: those that leave another state
#: than the step before, and in groups those that differ.
KINDS = {
    "private": ("S0", "S1", "S2", "S6", "S7", "S8", "S9", "S10"),
    "group, /transcribe": ("S0", "S3", "S9"),
    "group, /auto on": ("S6", "S10"),
}
#: What is asked: one process, or several.
Asked = RunningProgram | Cluster
#: A reply of more than one message.
LONG_TEXT = " ".join(f"word{number}" for number in range(600))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kill_at_any_step_loses_nothing(kind: str, tmp_path: Path) -> None:
    async def act(bot: RunningProgram, step: Step) -> Outcome:
        return await kill_during_transcription(bot, step, kind)

    names = [name for name in POINTS if IS_LONG or name.partition(" ")[0] in KINDS[kind]]
    # Private chats have a draft, and a note that was not asked about is soon transcribed. With
    # /transcribe the note is an update of its own, before the command.
    steps = [
        (name, 2 if (kind, name[:2]) == ("group, /transcribe", "S0") else 1)
        for name in names
        if name not in LIVE or kind == "group, /transcribe"
    ]
    await check_steps(f"one note, {kind}", steps, act, tmp_path)


async def kill_during_transcription(bot: RunningProgram, step: Step, kind: str) -> Outcome:
    """Kill the process at `step`, restart it, and return what the person sees."""
    name, count = step
    chat, asked = await prepare(bot, name, kind)
    await bot.kill_and_restart(
        name, 1, count=count, launcher=SubprocessLauncher() if IS_LONG else None
    )
    return inspect(bot, chat, asked, name)


async def prepare(bot: Asked, name: str, kind: str) -> tuple[int, int]:
    """Send what is to be transcribed; return the chat and the message to reply to."""
    bot.mimo.rules.latency_s = 0.2
    note = make_note(7)
    if name in LONG_ANSWER:
        bot.mimo.set_text(await read_sound(note), f"w7 {LONG_TEXT}")
    return await ask(bot, kind, note)


def inspect(bot: Asked, chat: int, asked: int, name: str) -> Outcome:
    """Return what the person sees after a kill at the step `name`."""
    telegram, mimo = bot.telegram, bot.mimo
    messages = telegram.replies(chat)
    answers, others = (split_long if name in LONG_ANSWER else split)(messages)
    unconfirmed = find_unconfirmed(telegram)
    faults = {
        "no reply": any(message.reply_to != asked for message in messages),
        "leftover message": any((one.chat_id, one.message_id) not in unconfirmed for one in others),
        "billed more than twice": len(mimo.billed) > 2,
    }
    return Outcome(answers, len(mimo.billed), faults)


async def ask(bot: Asked, kind: str, note: bytes) -> tuple[int, int]:
    """Request the transcription of one note; return the chat and the message to reply to."""
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
    """Return the complete replies, and the other messages."""
    whole = [message for message in messages if message.text.endswith("w7")]
    return whole, [message for message in messages if message not in whole]


def split_long(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """Return the more frequent part of a reply in two parts, and the other messages."""
    firsts = [message for message in messages if message.text.startswith("w7 word0 ")]
    lasts = [message for message in messages if message.text.endswith("word599")]
    assert firsts and lasts and len(firsts[0].text) > 4000
    others = [message for message in messages if message not in (*firsts, *lasts)]
    return max(firsts, lasts, key=len), others
