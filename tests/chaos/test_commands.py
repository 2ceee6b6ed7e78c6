"""Kills at each step of a command: one reply, and no saved result is paid for twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.models import Chat, Correction
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.running_program import RunningProgram
from tests.emulators.mimo.synthesis import RATE_HZ, expected_numbers, read_numbers
from tests.emulators.telegram import Message
from tests.support import audio_samples
from tests.support.clean_start import open_store

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Two pieces: the first has at most 200 characters.
TEXT = " ".join(f"Sentence number {n} of a story that is told in parts." for n in range(8))
PIECES = 2
#: The steps of /say, and how many pieces were saved when the process was killed.
SAY = {
    ("V2 synthesized", 1): 0,
    ("V3 piece saved", 1): 1,
    ("V1 synthesizing", 1): 0,
    ("S8 reply saved", 1): 2,
    ("S9 reply sent", 1): 2,
    ("SX job ended", 1): 2,
}
MOOD, CALLS = "Calm, a little tired.", 3
#: A question about the mood takes three calls: transcription, the question with the text, and with
#: the audio. Passes of a step -> how many calls were saved when the process was killed there.
ASK = {
    ("A6 answering", 1): 0,
    ("A3 answer saved", 1): 2,
    ("A2 answer received", 2): 2,
    ("S7 transcribed", 1): 0,
    ("A2 answer received", 1): 1,
    ("A5 audio prepared", 1): 2,
    ("A3 answer saved", 2): 3,
    ("S8 reply saved", 1): 3,
    ("S9 reply sent", 1): 3,
}
LEARNED = "Saved: sound → Saund, for your own recordings."
FIX = [
    *(("F2 reply replaced", 1), ("S9 reply sent", 2), ("F1 correction saved", 1)),
    *(("S8 reply saved", 1), ("S9 reply sent", 1), ("SX job ended", 1)),
]
#: Enough messages for three partial summaries, split at pauses, and a question that joins them.
MESSAGES, PARTS, CHARS, QUESTIONS = 48, 3, 4000, 4
#: Steps and passes: of the first part, and of the joining question.
SUMMARY = [
    *(
        ("A1 question sent", QUESTIONS),
        ("A3 answer saved", 1),
        ("A1 question sent", 1),
        ("A2 answer received", 1),
    ),
    *(
        ("A2 answer received", QUESTIONS),
        ("A3 answer saved", QUESTIONS),
        ("A4 read position saved", 1),
    ),
    *(("S8 reply saved", 1), ("S9 reply sent", 1)),
]


async def kill_during_say(bot: RunningProgram, step: Step) -> Outcome:
    """Kill the process at `step` of /say, restart it and check the voice message."""
    ann = bot.telegram.add_user("Ann")
    asked = bot.telegram.send_command(ann, ann, f"/say {TEXT}")
    await bot.kill_and_restart(step[0], 1, count=step[1])
    answers = bot.telegram.replies(ann)
    billed = Counter(call.text for call in bot.mimo.billed)
    faults = {
        "no reply": any(answer.reply_to != asked for answer in answers),
        "wrong speech": any(read_voice_numbers(one) != expected_numbers(TEXT) for one in answers),
        "a piece billed more than twice": max(billed.values()) > 2,
        "a saved result billed again": billed.total() > 2 * PIECES - SAY[step],
        "split differently": len(billed) != PIECES,
    }
    return Outcome(answers, billed.total(), faults)


def read_voice_numbers(answer: Message) -> list[int | None]:
    """Return the numbers encoded in a voice message."""
    if answer.file is None or answer.file.kind != "voice":
        return []
    return read_numbers(audio_samples.decode(answer.file.data, RATE_HZ), RATE_HZ)


async def prepare(bot: RunningProgram, step: Step, command: str) -> tuple[int, int, Message]:
    """Get a command about a note in a group answered, then count passes of the step."""
    telegram = bot.telegram
    ann = telegram.add_user("Ann")
    group = telegram.add_chat(members={ann: "member"})
    voice = telegram.send_voice(group, ann, audio_samples.file("ogg-opus"))
    telegram.send_command(group, ann, command, reply_to=voice)
    await bot.start(kill_at=step[0], kill_count=step[1], kill_late=True)
    await bot.settle(1)
    bot.arm()
    [shown] = telegram.replies(group)
    return ann, group, shown


async def kill_during_ask(bot: RunningProgram, step: Step) -> Outcome:
    """Answer one question, kill the process at a step of the next, and restart it."""
    # Only the audio tells the mood.
    bot.mimo.add_answer(lambda order: MOOD if order.recordings else "LISTEN", pattern="mood")
    ann, group, first = await prepare(bot, step, "/ask Who speaks?")
    before = len(bot.mimo.billed)
    bot.telegram.send_text(group, ann, "And the mood?", reply_to=first.message_id)
    await bot.restart(2)
    answers = bot.telegram.replies(group)[1:]
    # Transcriptions, questions with text only, and questions with audio.
    calls = bot.mimo.billed[before:]
    billed = Counter(f"{len(call.recordings)} sounds" if call.question else "asr" for call in calls)
    faults = {
        "wrong reply": any(not one.text.startswith(MOOD) for one in answers[-1:]),
        "a call billed more than twice": max(billed.values()) > 2,
        "a saved result billed again": billed.total() > 2 * CALLS - ASK[step],
        "different calls": len(billed) != CALLS,
    }
    return Outcome(answers, billed.total(), faults)


async def kill_during_correction(bot: RunningProgram, step: Step) -> Outcome:
    """Transcribe a note, kill the process at a step of its correction, and restart it."""
    ann, group, shown = await prepare(bot, step, "/transcribe")
    bot.telegram.send_text(group, ann, "sound = Saund", reply_to=shown.message_id)
    await bot.restart(2)
    edited, *answers = bot.telegram.replies(group)
    store = open_store(bot.home)
    chat = Chat("telegram", bot.telegram.token.partition(":")[0], str(group))
    saved = (await store.chats.settings(chat)).talk.glossary
    await store.close()
    faults = {
        "not edited in place": not edited.text.endswith(shown.text.replace("sound", "Saund")),
        "another reply": any(answer.text != LEARNED for answer in answers),
        "not saved once": saved != (Correction("sound", "Saund", str(ann), "Ann", is_own=True),),
        "transcribed again": len(bot.mimo.billed) != 1,
    }
    return Outcome(answers, len(bot.mimo.billed), faults)


async def kill_during_summary(bot: RunningProgram, step: Step) -> Outcome:
    """Fill a group with messages, kill the process at `step` of /summary, and restart it."""
    telegram = bot.telegram
    anna = telegram.add_user("Anna")
    group = telegram.add_chat(members={anna: "creator"}, bot_status="administrator")
    telegram.send_command(group, anna, "/remember on")
    await bot.start(kill_at=step[0], kill_count=step[1], kill_late=True)
    await bot.settle(1, 30)
    for number in range(MESSAGES):
        if number % (MESSAGES // PARTS) == 0:
            telegram.advance(hours=1)
        telegram.send_text(group, anna, f"{number} " + "words of it " * (CHARS // 12))
    await telegram.wait_for(lambda: not telegram.pending())
    bot.arm()
    before = len(telegram.replies(group))
    telegram.send_command(group, anna, "/summary")
    await bot.restart(2)
    answers = telegram.replies(group)[before:]
    links = [one["url"] for answer in answers for one in answer.entities if "url" in one]
    billed = Counter(call.question for call in bot.mimo.billed if call.question)
    billed = Counter(call.question for call in bot.mimo.billed if call.question)
    is_saved = step[0][:2] not in ("A1", "A2") and step != ("A3 answer saved", 1)
    faults = {
        "no summary": any("48 messages," not in one.text for one in answers[-1:]),
        "bad links": not links
        or not all(re.fullmatch(rf"https://t\.me/c/{-group - 10**12}/\d+", one) for one in links),
        "different questions": len(billed) != QUESTIONS,
        "a question billed more than twice": max(billed.values()) > 2,
        "a saved result billed again": is_saved and billed.total() > QUESTIONS,
    }
    return Outcome(answers, billed.total(), faults)


@pytest.mark.parametrize(
    ("title", "act", "steps", "short"),
    [
        ("/say", kill_during_say, [*SAY], 2),
        ("/ask", kill_during_ask, [*ASK], 3),
        ("a correction", kill_during_correction, FIX, 2),
        ("/summary", kill_during_summary, SUMMARY, 2),
    ],
)
async def test_a_kill_at_any_step_of_a_command_repeats_nothing(
    title: str,
    act: Callable[[RunningProgram, Step], Awaitable[Outcome]],
    steps: list[Step],
    short: int,
    tmp_path: Path,
) -> None:
    await check_steps(title, steps if IS_LONG else steps[:short], act, tmp_path)
