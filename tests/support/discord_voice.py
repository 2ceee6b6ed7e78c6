"""A virtual Discord server with voice channels, and what the bot plays there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.voice.channels import DiscordVoiceChannels
from bots.discord_bot.voice.connection import VoiceConnection
from core.interfaces import DeliveryTarget
from core.models import Message
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.voice import SILENCE
from tests.support.audio_samples import tone
from tests.support.discord_inbox import make_message, make_target
from tests.support.virtual_time import current_clock

RATE = 24_000


@dataclass
class VoiceScenario:
    """A server with Ann and Ben, a text channel, and a voice channel with Ann in it."""

    server: Server
    bot: Bot
    ann: str
    ben: str
    guild: str
    channel: str
    stage: str

    def message(self, sender: str = "", channel: str = "", **fields: Any) -> Message:
        values = {"is_private": False, "attachment": None, "sent_at": current_clock().now()}
        return make_message(
            channel or self.channel, sender_id=sender or self.ann, **values | fields
        )

    def ask(self, job_id: str, sender: str = "", **fields: Any) -> DeliveryTarget:
        return make_target(self.message(sender, **fields), job_id)[0]

    @property
    def voice(self) -> DiscordVoiceChannels:
        assert isinstance(self.bot.voice, DiscordVoiceChannels)
        return self.bot.voice

    @property
    def connection(self) -> VoiceConnection:
        [connection] = self.bot.client.voice_clients
        assert isinstance(connection, VoiceConnection)
        return connection

    def play(self, target: DeliveryTarget, seconds: float = 0.4) -> None:
        """Play a tone for a message of Ann's."""
        self.bot.play(target, tone(seconds, 440, 8000, RATE), RATE)

    def where(self) -> str:
        return self.server.gateway.voice.channel_of(self.guild)

    async def enter(self, channel_id: str, person: str) -> None:
        """Move somebody to a voice channel and wait until the bot knows."""
        find, number = self.bot.client.get_channel, int(channel_id)
        channel: Any = await self.server.wait_for(lambda: find(number))
        self.server.gateway.voice.move(self.guild, person, channel_id)
        await self.server.wait_for(lambda: int(person) in channel.voice_states)

    def spoken(self) -> int:
        """Return the number of packets that are not silence."""
        packets = self.server.gateway.voice.packets(self.guild)
        return sum(packet.opus != SILENCE for packet in packets)

    async def hears_alone(self, job_id: str, count: int, **fields: Any) -> None:
        """Check that what is said now is heard, and that nothing else was since `count`.

        What had been taken before it would be heard before it.
        """
        self.play(self.ask(job_id, **fields))
        self.voice.end(job_id)
        await self.server.wait_for(lambda: self.spoken() >= count + 20)
        await self.quiet()
        assert self.spoken() <= count + 22

    async def quiet(self) -> None:
        """Wait until the bot's speech has ended."""
        await self.server.wait_for(
            lambda: not (self.connection.is_playing() or self.connection._is_playing)
        )
