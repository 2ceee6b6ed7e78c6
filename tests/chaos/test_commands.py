"""Killed at each step of a command, then started again: one answer, nothing kept is paid again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.models import Chat, Correction
from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.emulators.mimo.synthesis import RATE_HZ, expected_numbers, read_numbers
from tests.emulators.telegram import Message
from tests.support import sounds
from tests.support.clean_start import open_store

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Two pieces: the first has at most 200 characters.
TEXT = " ".join(f"Sentence number {n} of a story that is told in parts." for n in range(8))
PIECES = 2
#: The steps of /say, and how many pieces were certainly kept when the process died there.
SAY = {
    ("V2 spoken", 1): 0,
    ("V3 piece kept", 1): 1,
    ("V1 being spoken", 1): 0,
    ("S8 reply saved", 1): 2,
    ("S9 reply sent", 1): 2,
    ("SX reply delivered", 1): 2,
}
MOOD, CALLS = "Calm, a little tired.", 3
#: The calls for a question about the mood, in order: the words are heard, they do not do, and so
#: the sound goes out. How many of them were kept when the process died at that pass of a step.
ASK = {
    ("A6 being answered", 1): 0,
    ("A3 answer kept", 1): 2,
    ("A2 answered", 2): 2,
    ("S7 heard", 1): 0,
    ("A2 answered", 1): 1,
    ("A5 sound made ready", 1): 2,
    ("A3 answer kept", 2): 3,
    ("S8 reply saved", 1): 3,
    ("S9 reply sent", 1): 3,
}
LEARNED = "Saved: seconds → Sekonds"
FIX = [
    *(("F2 to be mended", 1), ("S9 reply sent", 2), ("F1 correction kept", 1)),
    *(("S8 reply saved", 1), ("S9 reply sent", 1), ("SX reply delivered", 1)),
]
#: Enough for three parts of a summary, which a fourth question joins: cut where it was quiet.
MESSAGES, PARTS, CHARS, QUESTIONS = 48, 3, 4000, 4
#: A step and which pass of it: of the first part, and of the question that joins them.
SUMMARY = [
    *(("A1 asking", QUESTIONS), ("A3 answer kept", 1), ("A1 asking", 1), ("A2 answered", 1)),
    *(("A2 answered", QUESTIONS), ("A3 answer kept", QUESTIONS), ("A4 reading noted", 1)),
    *(("S8 reply saved", 1), ("S9 reply sent", 1)),
]


async def say(bot: Bot, step: Step) -> Outcome:
    """Kill one process at `step` of /say, start another, and hear what the person hears."""
    ann = bot.telegram.add_user("Ann")
    asked = bot.telegram.send_command(ann, ann, f"/say {TEXT}")
    await bot.kill_and_restart(step[0], 1, count=step[1])
    answers = bot.telegram.replies(ann)
    billed = Counter(call.text for call in bot.mimo.billed)
    faults = {
        "no reply": any(answer.reply_to != asked for answer in answers),
        "not what was to be said": any(hear(one) != expected_numbers(TEXT) for one in answers),
        "a piece was paid for too often": max(billed.values()) > 2,
        "what was kept was paid for again": billed.total() > 2 * PIECES - SAY[step],
        "cut otherwise": len(billed) != PIECES,
    }
    return Outcome(answers, billed.total(), faults)


def hear(answer: Message) -> list[int | None]:
    """Return the numbers that a voice message says."""
    if answer.file is None or answer.file.kind != "voice":
        return []
    return read_numbers(sounds.decode(answer.file.data, RATE_HZ), RATE_HZ)


async def prepare(bot: Bot, step: Step, command: str) -> tuple[int, int, Message]:
    """Have a command about a note of a group answered; from now on passes of the step count."""
    telegram = bot.telegram
    ann = telegram.add_user("Ann")
    group = telegram.add_chat(members={ann: "member"})
    voice = telegram.send_voice(group, ann, sounds.file("ogg-opus"))
    telegram.send_command(group, ann, command, reply_to=voice)
    await bot.start(kill_at=step[0], kill_count=step[1], kill_late=True)
    await bot.settle(1)
    bot.arm()
    [shown] = telegram.replies(group)
    return ann, group, shown


async def ask(bot: Bot, step: Step) -> Outcome:
    """Answer one question, kill the process at a step of the next, and start another."""
    # The mood can be told by those only who hear.
    bot.mimo.add_answer(lambda order: MOOD if order.recordings else "LISTEN", pattern="mood")
    ann, group, first = await prepare(bot, step, "/ask Who speaks?")
    before = len(bot.mimo.billed)
    bot.telegram.send_text(group, ann, "And the mood?", reply_to=first.message_id)
    await bot.restart(2)
    answers = bot.telegram.replies(group)[1:]
    # How often the recording was written down, asked about in words, and sent.
    calls = bot.mimo.billed[before:]
    billed = Counter(f"{len(call.recordings)} sounds" if call.question else "asr" for call in calls)
    faults = {
        "not the answer": any(not one.text.startswith(MOOD) for one in answers[-1:]),
        "a call was paid for too often": max(billed.values()) > 2,
        "what was kept was paid for again": billed.total() > 2 * CALLS - ASK[step],
        "asked otherwise": len(billed) != CALLS,
    }
    return Outcome(answers, billed.total(), faults)


async def correct(bot: Bot, step: Step) -> Outcome:
    """Have a note written down, kill the process at a step of its correction, start another."""
    ann, group, shown = await prepare(bot, step, "/transcribe")
    bot.telegram.send_text(group, ann, "seconds = Sekonds", reply_to=shown.message_id)
    await bot.restart(2)
    mended, *answers = bot.telegram.replies(group)
    store = open_store(bot.home)
    chat = Chat("telegram", bot.telegram.token.partition(":")[0], str(group))
    learned = (await store.chats.settings(chat)).talk.glossary
    await store.close()
    faults = {
        "not mended in place": mended.text != shown.text.replace("seconds", "Sekonds"),
        "another answer": any(answer.text != LEARNED for answer in answers),
        "not learned once": learned != (Correction("seconds", "Sekonds"),),
        "heard again": len(bot.mimo.billed) != 1,
    }
    return Outcome(answers, len(bot.mimo.billed), faults)


async def sum_up(bot: Bot, step: Step) -> Outcome:
    """Let a group talk, kill the process at `step`, start another, return what is told."""
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
    is_kept = step[0][:2] not in ("A1", "A2") and step != ("A3 answer kept", 1)
    faults = {
        "no summary": any("messages: 48" not in one.text for one in answers[-1:]),
        "leads nowhere": not links
        or not all(re.fullmatch(rf"https://t\.me/c/{-group - 10**12}/\d+", one) for one in links),
        "not the same questions": len(billed) != QUESTIONS,
        "a question was paid for too often": max(billed.values()) > 2,
        "what was kept was paid for again": is_kept and billed.total() > QUESTIONS,
    }
    return Outcome(answers, billed.total(), faults)


@pytest.mark.parametrize(
    ("title", "act", "steps", "short"),
    [
        ("/say", say, [*SAY], 2),
        ("/ask", ask, [*ASK], 3),
        ("a correction", correct, FIX, 2),
        ("/summary", sum_up, SUMMARY, 2),
    ],
)
async def test_killed_at_each_step(
    title: str,
    act: Callable[[Bot, Step], Awaitable[Outcome]],
    steps: list[Step],
    short: int,
    tmp_path: Path,
) -> None:
    await check_steps(title, steps if IS_LONG else steps[:short], act, tmp_path)
