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
class CommandChannel:
    program: DiscordProgram
    server: Server
    ann: str
    bob: str
    id: str

    async def answer(self, interaction_id: str) -> Message:
        return await self.program.answer(interaction_id, self.id)

    async def give(self, name: str, options: dict[str, Any] | None = None, **more: Any) -> Message:
        interaction_id = self.server.slash(self.id, self.ann, name, options or {}, **more)
        return await self.answer(interaction_id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordProgram]:
    async with run_program(tmp_path_factory.mktemp("home")) as program:
        yield program
        assert program.server.pings() == []


@pytest_asyncio.fixture(loop_scope="module")
async def channel(program: DiscordProgram) -> CommandChannel:
    server = program.server
    ann, bob = server.add_user("Ann"), server.add_user("Bob")
    return CommandChannel(
        program, server, ann, bob, server.channel(server.add_guild(owner=ann, members=[bob]))
    )


@pytest.mark.parametrize("name", LISTED)
async def test_every_command_is_answered(channel: CommandChannel, name: str) -> None:
    answer = await channel.give(name, OPTIONS.get(name))
    assert answer.content or answer.files
    refused = {command for (command,) in channel.program.rows(REFUSED)}
    assert answer.is_ephemeral == (name in refused or commands.load_command(name).is_ephemeral)
    assert channel.server.thinking(channel.id) == []


@pytest.mark.parametrize("use", USES, ids=lambda use: str(use.label))
@pytest.mark.parametrize("kind", ["voice", "text"])
async def test_every_message_action_is_answered(
    channel: CommandChannel, use: MessageAction, kind: str
) -> None:
    server = channel.server
    if kind == "voice":
        message = server.send_voice(channel.id, channel.bob, make_note(7), duration=2)
    else:
        message = server.send_text(channel.id, channel.bob, "Good morning @everyone, my friends")
    interaction_id = server.context_menu(message, channel.ann, use.label)
    if use.argument:
        await server.wait_for(lambda: server.interaction(interaction_id).modal)
        interaction_id = server.submit(interaction_id, channel.ann, {"text": "What is said?"})
    answer = await channel.answer(interaction_id)
    assert answer.content or answer.files
    assert server.thinking(channel.id) == []
    if kind == "voice" and use.label.startswith("Transcribe"):
        assert "w7" in answer.content


async def test_a_recording_option_and_buttons_after_a_restart(channel: CommandChannel) -> None:
    note = {"recording": ("talk.ogg", make_note(9))}
    answer = await channel.give("transcribe", attachments=note)
    assert "w9" in answer.content and not answer.is_ephemeral
    await channel.program.kill()
    await channel.program.start()
    pressed = channel.server.press(answer.message_id, channel.bob, label="Listen")
    spoken = await channel.answer(pressed)
    assert spoken.is_voice and not spoken.is_ephemeral
    assert "w9" in channel.server.message(answer.message_id).content


async def test_follow_up_questions(channel: CommandChannel) -> None:
    note = {"recording": ("talk.ogg", make_note(9))}
    answer = await channel.give("ask", {"question": "What is said?"}, attachments=note)
    again = channel.server.send_text(
        channel.id, channel.bob, "And then?", reply_to=answer.message_id
    )
    followed = await channel.server.wait_for(lambda: channel.server.replies_to(again), timeout_s=30)
    assert followed[0].content
