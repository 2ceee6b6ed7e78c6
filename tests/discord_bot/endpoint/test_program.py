"""The whole program without a gateway: Discord posts every interaction to it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bots.discord_bot.interactions.endpoint import PATH
from bots.exit_codes import CONFIG
from tests.chaos.running_program import PAGE, START_S, wait_for
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = pytest.mark.real_time

VOICE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))


class EndpointProgram(DiscordProgram):
    """The program with Discord's endpoint instead of the gateway."""

    @property
    def environment(self) -> dict[str, str]:
        key = {"DISCORD_PUBLIC_KEY": self.server.world.public_key, "DISCORD_GATEWAY": "off"}
        return super().environment | key

    async def start(self, *, is_awaited: bool = True, **overrides: Any) -> None:
        """Start the process, and save its address in Discord's settings."""
        await super().start(is_awaited=False, **overrides)
        if not is_awaited:
            return
        await wait_for(lambda: "discord_started" in self.log or self.code is not None, START_S)
        assert self.code is None, self.log
        found = PAGE.search(self.log)
        assert found, self.log
        await self.server.endpoint.save(f"{found[0]}{PATH}")


@pytest.fixture
async def program(
    tmp_path: Path, server: Server, mimo: MimoServer
) -> AsyncIterator[EndpointProgram]:
    async with EndpointProgram(tmp_path / "home", server, mimo) as program:
        yield program


async def test_commands_buttons_forms_and_autocomplete(
    program: EndpointProgram, server: Server, mimo: MimoServer, ann: str, channel_id: str
) -> None:
    await program.start()
    await server.wait_for(server.commands)
    assert program.page("/readyz")[0] == 200
    help_ = await program.answer(server.slash(server.dm(ann), ann, "help"))
    assert "only commands" in help_.content and "/join" not in help_.content
    asked = server.slash(
        channel_id, ann, "transcribe", attachments={"recording": ("note.ogg", VOICE)}
    )
    transcript = await program.answer(asked)
    assert "of 4.0 seconds" in transcript.content
    pressed = server.press(transcript.message_id, ann, label=transcript.labels[0])
    await program.answer(pressed)
    # What was recorded in the channel was not seen when it came, only when it was chosen.
    note = server.send_voice(channel_id, ann, VOICE)
    opened = server.context_menu(note, ann, "Ask about this")
    await server.wait_for(lambda: server.interaction(opened).modal)
    answer = await program.answer(server.submit(opened, ann, {"text": "What is it about?"}))
    assert answer.content
    typed = server.autocomplete(channel_id, ann, "say", "voice", "m")
    await server.wait_for(lambda: server.interaction(typed).choices)
    made = server.world.interactions.values()
    assert [one.posts for one in made] == [[200]] * len(made)
    assert all(one.latency_s is not None and one.latency_s < 3 for one in made)
    assert server.identifies(1e6) == 0 and not server.requests_to("POST /interactions/*")
    assert server.thinking(channel_id) == []
    assert await server.endpoint.probe() == 401
    assert await program.stop() == 0
    assert server.token not in program.whole_log and "What is it about" not in program.whole_log


async def test_a_crash_loses_nothing_and_repeats_nothing(
    program: EndpointProgram, server: Server, ann: str, channel_id: str
) -> None:
    await program.start()
    await server.wait_for(server.commands)
    server.endpoint.copies = 2
    sent = []
    for number in range(4):
        sent.append(
            server.slash(channel_id, ann, "transcribe", attachments={"recording": ("n.ogg", VOICE)})
        )
        await server.wait_for(lambda: server.interaction(sent[-1]).posts)
        if number % 2:
            await program.kill()
            await program.start()
            # Somebody posts again what was taken by the process before.
            status, _ = await server.endpoint.post(*server.endpoint.sent[-1])
            assert status == 200
    assert await program.settle(len(sent)) == {"done": len(sent)}
    assert server.visible_counts(sent) == dict.fromkeys(sent, 1)
    assert server.thinking(channel_id) == [] and len(server.replies(channel_id)) == len(sent)


async def test_a_response_that_discord_does_not_know_yet(
    program: EndpointProgram, server: Server, channel_id: str
) -> None:
    """Its answer to /help is there before Discord has read that it is deferred."""
    eve = server.add_user("Eve", has_app=True)
    elsewhere = server.channel(server.add_guild(members=[eve], has_bot=False))
    await program.start()
    await server.wait_for(server.commands)
    server.endpoint.lag_s = 1.0
    sent = server.slash(elsewhere, eve, "help")
    answer = await program.answer(sent)
    assert answer.is_ephemeral and server.visible_counts([sent]) == {sent: 1}
    assert server.thinking(elsewhere) == []
    refused = [one for one in server.requests_to("PATCH */messages/*") if one.status == 404]
    assert refused and {one.code for one in refused} == {10015}


async def test_a_database_that_is_locked_too_long(
    program: EndpointProgram, server: Server, ann: str, channel_id: str
) -> None:
    """Discord says that the application did not respond; the reply comes in the channel."""
    await program.start()
    await server.wait_for(server.commands)
    with closing(sqlite3.connect(program.home / "hearsay.db", isolation_level=None)) as held:
        held.execute("begin immediate")
        sent = server.slash(
            channel_id, ann, "transcribe", attachments={"recording": ("note.ogg", VOICE)}
        )
        await server.wait_for(lambda: server.interaction(sent).posts)
        assert server.interaction(sent).posts == [503] and not program.rows("select * from jobs")
        held.execute("rollback")
    assert await program.settle(1) == {"done": 1}
    [reply] = server.replies(channel_id)
    assert "of 4.0 seconds" in reply.content and server.thinking(channel_id) == []
    assert server.interaction(sent).response_type is None


async def test_a_key_that_belongs_to_another_application(
    program: EndpointProgram, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"DISCORD_PUBLIC_KEY": "ab" * 32}
    usual = program.environment
    monkeypatch.setattr(EndpointProgram, "environment", property(lambda _: usual | wrong))
    await program.start(is_awaited=False)
    assert await program.wait_for_exit() == CONFIG
    assert "DISCORD_PUBLIC_KEY" in program.log.splitlines()[-1]
