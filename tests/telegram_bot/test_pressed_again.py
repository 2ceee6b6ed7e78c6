"""Buttons that are pressed several times, on Telegram: one call and one answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.running_program import RunningProgram
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support import audio_samples

#: The program is a process of its own.
pytestmark = [pytest.mark.finding(4), pytest.mark.real_time]

VOICE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))


async def test_a_double_click_and_four_presses_on_listen(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer
) -> None:
    async with RunningProgram(tmp_path / "home", telegram, mimo) as program:
        await program.start()
        ann = telegram.add_user("Ann")
        telegram.send_voice(ann, ann, VOICE)
        await program.settle(1)
        [answer] = telegram.replies(ann)
        before = len(mimo.requests)
        queries = [telegram.press_button(ann, ann, answer.message_id, "Listen") for _ in range(4)]
        await telegram.wait_for(lambda: not telegram.pending(), 30)
        await program.settle(2)
        await asyncio.sleep(0.5)  # a second answer would come now
        assert sum(program.states().values()) == 2 and len(mimo.requests) == before + 1
        assert len([one for one in telegram.replies(ann) if one.file]) == 1
        answered = [telegram.callback_answer(query) is not None for query in queries]
        assert answered == [True] * 4, "no button keeps its progress bar"
        assert await program.stop() == 0
