"""Buttons that are pressed several times, on Discord: one call, one answer, nothing left behind."""

from __future__ import annotations

import asyncio

import pytest

from tests.emulators.discord import DiscordServer as Server
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = [pytest.mark.finding(4), pytest.mark.real_time]

VOICE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))


async def test_four_presses_on_listen_are_one_call_and_one_answer(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str
) -> None:
    await program.start()
    dm = server.dm(ann)
    note = server.send_voice(dm, ann, VOICE, duration=4.0)
    await program.settle(1)
    [answer] = server.replies_to(note)
    before = len(mimo.requests)
    presses = [server.press(answer.message_id, ann, label="Listen") for _ in range(4)]
    await server.wait_for(
        lambda: all(server.interaction(one).response_type is not None for one in presses), 30
    )
    await program.settle(2)
    await asyncio.sleep(0.5)  # a second answer would come now
    assert len(mimo.requests) == before + 1
    # The first is deferred with "thinking…", the others without a trace.
    assert sorted(str(server.interaction(one).response_type) for one in presses) == list("5666")
    assert server.thinking(dm) == []
    assert len([one for one in server.replies(dm) if one.files or one.is_voice]) == 1
    assert server.message(answer.message_id).content == answer.content
