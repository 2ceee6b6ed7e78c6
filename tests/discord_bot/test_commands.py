"""Every command and message menu entry, with the whole program: one reply each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from core import commands
from core.commands.arguments import MessageAction
from tests.chaos.notes import make_note
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import Message
from tests.support.discord_program import DiscordProgram, run_program

#: The program is a process of its own.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: What each command is given; what is not named here is given as it is.
OPTIONS: dict[str, dict[str, Any]] = {
    "ask": {"question": "What is said?"},
    "say": {"text": "Good morning", "voice": "Mia", "style": 'warm, "slow"'},
    "find": {"words": "tiles"},
    "translate": {"language": "German", "text": "Good morning, my friends"},
    "digest": {"time": "09:00 Europe/Berlin"},
    "remember": {"choice": "30d"},
    "forget": {"whose": "me"},
    "summary": {"range": "last 2h"},
}
REFUSED = "select command from jobs where state = 'refused'"
LISTED = [name for name, _ in commands.menu(has_voice=True)]
USES = [use for _, command in commands.menu(has_voice=True) for use in command.message_actions]


@dataclass
class ServerChannel:
    program: DiscordProgram
    server: Server
    ann: str
    bob: str
    channel: str

    async def answer(self, asked: str) -> Message:
        return await self.program.answer(asked, self.channel)

    async def give(self, name: str, options: dict[str, Any] | None = None, **more: Any) -> Message:
        asked = self.server.slash(self.channel, self.ann, name, options or {}, **more)
        return await self.answer(asked)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordProgram]:
    async with run_program(tmp_path_factory.mktemp("home")) as program:
        yield program
        assert program.server.pings() == []


@pytest_asyncio.fixture(loop_scope="module")
async def room(program: DiscordProgram) -> ServerChannel:
    server = program.server
    ann, bob = server.add_user("Ann"), server.add_user("Bob")
    return ServerChannel(
        program, server, ann, bob, server.channel(server.add_guild(owner=ann, members=[bob]))
    )


@pytest.mark.parametrize("name", LISTED)
async def test_every_command_is_answered(room: ServerChannel, name: str) -> None:
    answer = await room.give(name, OPTIONS.get(name))
    assert answer.content or answer.files
    refused = {command for (command,) in room.program.rows(REFUSED)}
    assert answer.is_ephemeral == (name in refused or commands.load_command(name).is_ephemeral)
    assert room.server.thinking(room.channel) == []


@pytest.mark.parametrize("use", USES, ids=lambda use: str(use.label))
@pytest.mark.parametrize("kind", ["voice", "text"])
async def test_every_message_action_is_answered(
    room: ServerChannel, use: MessageAction, kind: str
) -> None:
    server = room.server
    if kind == "voice":
        message = server.send_voice(room.channel, room.bob, make_note(7), duration=2)
    else:
        message = server.send_text(room.channel, room.bob, "Good morning @everyone, my friends")
    asked = server.context_menu(message, room.ann, use.label)
    if use.argument:
        await server.wait_for(lambda: server.interaction(asked).modal)
        asked = server.submit(asked, room.ann, {"text": "What is said?"})
    answer = await room.answer(asked)
    assert answer.content or answer.files
    assert server.thinking(room.channel) == []
    if kind == "voice" and use.label.startswith("Transcribe"):
        assert "w7" in answer.content


async def test_a_recording_option_and_buttons_after_a_restart(room: ServerChannel) -> None:
    note = {"recording": ("talk.ogg", make_note(9))}
    answer = await room.give("transcribe", attachments=note)
    assert "w9" in answer.content and not answer.is_ephemeral
    await room.program.kill()
    await room.program.start()
    pressed = room.server.press(answer.message_id, room.bob, label="Listen")
    spoken = await room.answer(pressed)
    assert spoken.is_voice and not spoken.is_ephemeral
    assert "w9" in room.server.message(answer.message_id).content


async def test_follow_up_questions(room: ServerChannel) -> None:
    note = {"recording": ("talk.ogg", make_note(9))}
    answer = await room.give("ask", {"question": "What is said?"}, attachments=note)
    again = room.server.send_text(room.channel, room.bob, "And then?", reply_to=answer.message_id)
    followed = await room.server.wait_for(lambda: room.server.replies_to(again), timeout_s=30)
    assert followed[0].content
