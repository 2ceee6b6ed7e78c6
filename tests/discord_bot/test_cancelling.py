"""A command on a long recording: how far it is, and the button that cancels it."""

from __future__ import annotations

import re

import pytest

from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import Message
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = [pytest.mark.finding(22), pytest.mark.real_time]

STATE = re.compile(r"\d+% · \d:\d\d of 2:00( · about \d+ (s|min) left)?( · waiting for .*)?")


async def translate_long(
    program: DiscordProgram, server: Server, mimo: MimoServer, channel_id: str, ann: str
) -> Message:
    """Let Ann translate a recording of two minutes; return the response with its progress."""
    await program.start()
    await server.wait_for(lambda: "Translate" in server.commands(), 30)
    mimo.rules.latency_s = 60.0
    sound = audio_samples.file("ogg-opus", audio_samples.speech(120.0))
    note = server.send_voice(channel_id, ann, sound, duration=120.0)
    interaction_id = server.context_menu(note, ann, "Translate")

    def is_shown() -> bool:
        return any(STATE.fullmatch(one.content) for one in server.responses_to(interaction_id))

    await server.wait_for(is_shown, 30)
    [shown] = server.responses_to(interaction_id)
    assert shown.labels == ["Cancel"]
    return shown


def read_final(server: Server, shown: Message) -> tuple[str, list[str]]:
    """Return the text and the buttons that the response has at last."""
    [final] = server.responses_to(shown.interaction_id or "")
    return final.content, final.labels


async def test_a_translation_of_a_long_recording_shows_percent_and_ends_at_a_press(
    program: DiscordProgram, server: Server, mimo: MimoServer, channel_id: str, ann: str
) -> None:
    """Not at that of another member; and a second press does nothing."""
    bob = server.add_user("Bob")
    server.add_member(server.world.channels[channel_id].guild_id or "", bob)
    shown = await translate_long(program, server, mimo, channel_id, ann)
    foreign = server.press(shown.message_id, bob, label="Cancel")
    assert "Only the person who asked" in (await program.answer(foreign)).content
    for _ in range(2):
        server.press(shown.message_id, ann, label="Cancel")
    await server.wait_for(lambda: read_final(server, shown)[0] == "Cancelled.", 30)
    states = await program.settle(3)
    assert (states["cancelled"], states["refused"]) == (1, 1)
    assert read_final(server, shown) == ("Cancelled.", [])


async def test_a_press_holds_when_the_program_is_killed_right_after_it(
    program: DiscordProgram, server: Server, mimo: MimoServer, channel_id: str, ann: str
) -> None:
    shown = await translate_long(program, server, mimo, channel_id, ann)
    server.press(shown.message_id, ann, label="Cancel")
    is_kept = "select job_id from jobs where command = 'cancel'"
    await server.wait_for(lambda: program.rows(is_kept), 30)
    await program.kill()
    calls = len(mimo.requests)
    await program.start()
    assert (await program.settle(2))["cancelled"] == 1
    assert read_final(server, shown) == ("Cancelled.", []) and len(mimo.requests) == calls
