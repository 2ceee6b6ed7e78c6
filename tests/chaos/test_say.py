"""Killed at each step of /say, then started again: one voice message, no piece paid for twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chaos.bot import Bot
from tests.chaos.conftest import IS_LONG
from tests.chaos.points import SPEECH_POINTS
from tests.chaos.report import add_table
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.speaking import RATE_HZ, expected_numbers, read_numbers
from tests.emulators.telegram import TelegramServer
from tests.support import sounds

pytestmark = pytest.mark.chaos

#: Two pieces: the first has at most 200 characters.
TEXT = " ".join(f"Sentence number {n} of a story that is told in parts." for n in range(8))
PIECES = 2
STEPS = [*SPEECH_POINTS, "S8 reply saved", "S9 reply sent"]
if IS_LONG:
    STEPS.append("SX reply delivered")
#: Pieces of which it is certain that they were kept when the process died.
KEPT = {"V3 piece kept": 1, "S8 reply saved": 2, "S9 reply sent": 2, "SX reply delivered": 2}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one /say."""

    step: str
    #: How the first process ended: -9 if the step was reached.
    code: int
    #: What each message of the bot says, None for one without sound.
    heard: list[list[int | None] | None]
    in_doubt: int
    #: How often each piece was paid for.
    billed: Counter[str]
    states: dict[str, int]

    def faults(self) -> list[str]:
        """Return what is not as promised."""
        found = {
            "the step was not reached": self.code != -signal.SIGKILL,
            "lost": not self.heard,
            "doubled": len(self.heard) > 1 + self.in_doubt,
            "not what was to be said": any(h != expected_numbers(TEXT) for h in self.heard),
            "a piece was paid for too often": max(self.billed.values()) > 2,
            "what was kept was paid for again": self.billed.total()
            > 2 * PIECES - KEPT.get(self.step, 0),
            "cut otherwise": len(self.billed) != PIECES,
            "a job is open": self.states != {"done": 1},
        }
        return [f"{self.step}: {name}" for name, is_so in found.items() if is_so]


async def test_killed_at_each_step_of_say(tmp_path: Path) -> None:
    gate = asyncio.Semaphore(5)

    async def run(step: str) -> Outcome:
        async with gate:
            return await run_once(step, tmp_path / step[:2] / step[-4:])

    outcomes = await asyncio.gather(*(run(step) for step in STEPS))
    add_table(
        "killed at each step of /say",
        ("step", "voice messages", "billed calls", "pieces"),
        [(o.step, len(o.heard), o.billed.total(), len(o.billed)) for o in outcomes],
    )
    assert [fault for outcome in outcomes for fault in outcome.faults()] == []


async def run_once(step: str, folder: Path) -> Outcome:
    """Kill one process at `step`, start another, and return what the person hears."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        Bot(folder, telegram, mimo) as bot,
    ):
        ann = telegram.add_user("Ann")
        asked = telegram.send_command(ann, ann, f"/say {TEXT}")
        code, (in_doubt, _) = await bot.outlive(step, 1)
        answers = telegram.answers(ann)
        assert all(answer.reply_to == asked for answer in answers)
        heard = [
            read_numbers(sounds.decode(answer.file.data, RATE_HZ), RATE_HZ)
            if answer.file and answer.file.kind == "voice"
            else None
            for answer in answers
        ]
        billed = Counter(call.text for call in mimo.billed)
        return Outcome(step, code, heard, len(in_doubt), billed, dict(bot.states()))
