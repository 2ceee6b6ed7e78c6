"""The whole program in a voice channel: speech is decoded from the packets."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.running_program import SubprocessLauncher
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import VOICE_CHANNEL
from tests.emulators.discord.voice import SILENCE
from tests.emulators.mimo import MimoServer
from tests.emulators.tls import open_tls
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = pytest.mark.real_time


class Trusting(DiscordProgram):
    """A program that trusts the certificate of the emulated voice gateway."""

    trusted = Path()

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"SSL_CERT_FILE": str(self.trusted)}


@pytest.fixture
async def program(tmp_path: Path, server: Server) -> AsyncIterator[Trusting]:
    async with MimoServer() as mimo, open_tls(server.port, tmp_path) as (place, trusted):
        server.gateway.voice.endpoint = place
        # Not forked: what is trusted is read when aiohttp is loaded.
        async with Trusting(tmp_path / "home", server, mimo, SubprocessLauncher()) as program:
            program.trusted = trusted
            yield program


async def test_speech_is_played_in_the_voice_channel(
    program: Trusting, server: Server, ann: str
) -> None:
    voice = server.gateway.voice
    guild = server.add_guild(members=[ann])
    channel, sofa = server.channel(guild), server.add_channel(guild, "Sofa", VOICE_CHANNEL)
    voice.move(guild, ann, sofa)
    await program.start()
    await server.wait_for(lambda: server.world.commands)

    def speech_s() -> float:
        return 0.02 * sum(packet.opus != SILENCE for packet in voice.packets(guild))

    joined = server.slash(channel, ann, "join")
    [told] = await server.wait_for(lambda: server.responses_to(joined))
    assert "Sofa" in told.content and voice.channel_of(guild) == sofa

    server.slash(channel, ann, "say", {"text": "Good morning, all."})
    [answer] = await server.wait_for(lambda: [m for m in server.replies(channel) if m.is_voice])
    length_s = answer.files[0].duration_s
    assert length_s
    await server.wait_for(lambda: speech_s() >= length_s)
    await server.wait_for(lambda: voice.sessions[-1].speaking[-1] == 0)  # so it ended
    assert speech_s() == pytest.approx(length_s, abs=0.1)
    assert max(array("h", voice.received_pcm(guild))) > 1000

    reading = server.slash(channel, ann, "read", {"choice": "on"})
    await server.wait_for(lambda: server.responses_to(reading))
    before_s = speech_s()
    written = server.send_text(channel, ann, "Ann writes this.")
    await server.wait_for(lambda: speech_s() > before_s + 0.5)
    assert server.replies_to(written) == []

    left = server.slash(channel, ann, "leave")
    await server.wait_for(lambda: server.responses_to(left))
    assert voice.channel_of(guild) == "" and not server.pings()
    assert await program.stop() == 0
    assert "Good morning, all" not in program.whole_log
