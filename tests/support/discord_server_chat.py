"""A channel of a virtual server and its member Ann, for tests of delivery."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from discord.http import Route

from bots.discord_bot import DiscordBot
from core.audio.voice_note import VoiceNoteEncoder
from core.interfaces import DeliveryTarget
from core.models import Button, File, Reply
from tests.emulators.discord import DiscordServer
from tests.emulators.discord.records import COMMAND, DEFER, EPHEMERAL, Message
from tests.support.audio_samples import speech
from tests.support.discord_inbox import MemoryLedger, make_message, make_target

OGG = b"OggS" + bytes(200)
#: The request that sends a message.
SEND = "POST /channels/{channel}/messages"
AGAIN = (Button("Again", "say", token="abcdefghijklmnopqrstuv"),)


def only(messages: list[Message]) -> Message:
    [message] = messages
    return message


async def make_voice(seconds: float = 2.6, **fields: Any) -> File:
    """Return a voice note as made by synthesis."""
    encoder = VoiceNoteEncoder(24_000)
    await encoder.feed(speech(seconds, 24_000))
    note = await encoder.finish()
    return File("speech.ogg", note.mime, note.data, note.duration_s, note.waveform, **fields)


@dataclass
class ServerChannel:
    """A channel of a server, and its member Ann."""

    server: DiscordServer
    ann: str
    guild: str
    id: str

    def note(
        self, job_id: str = "0123456789", **fields: Any
    ) -> tuple[DeliveryTarget, MemoryLedger]:
        """Send a voice message; return the target of its reply."""
        message_id = self.server.send_voice(fields.get("thread_id") or self.id, self.ann, OGG)
        values = {"sender_id": self.ann, "is_private": False, **fields}
        return make_target(make_message(self.id, message_id, **values), job_id)

    async def answer(
        self, bot: DiscordBot, reply: Reply, job_id: str = "0123456789", **fields: Any
    ) -> tuple[DeliveryTarget, MemoryLedger]:
        """Send a voice message and deliver `reply` to it."""
        target, ledger = self.note(job_id, **fields)
        await bot.deliver(target, reply)
        return target, ledger

    def dm_note(self, job_id: str = "dm", **fields: Any) -> tuple[DeliveryTarget, MemoryLedger]:
        """Send a voice message in a direct message."""
        chat = self.server.dm(self.ann)
        message_id = self.server.send_voice(chat, self.ann, OGG)
        return make_target(make_message(chat, message_id, sender_id=self.ann, **fields), job_id)

    async def ask(
        self,
        bot: DiscordBot,
        flags: str = "",
        *,
        channel_id: str = "",
        age_s: float = 0.0,
        job_id: str = "0123456789",
    ) -> tuple[DeliveryTarget, MemoryLedger, str]:
        """Send a command that is deferred; return its target and the interaction id.

        flags: of the interaction token. age_s: the age of the token as seen by the bot.
        """
        channel_id = channel_id or self.id
        with self.server.world.lock:
            command = {"id": "1", "type": 1, "name": "say"}
            interaction_id = self.server._create_interaction(COMMAND, channel_id, self.ann, command)
            token = self.server.world.interactions[interaction_id].token
        route = Route("POST", "/interactions/{id}/{token}/callback", id=interaction_id, token=token)
        body = {"type": DEFER, "data": {"flags": EPHEMERAL if "e" in flags else 0}}
        await bot.client.http.request(route, json=body)
        created = int(bot.client.clock.now().timestamp() - age_s)
        chat_id = f"user:{self.ann}" if "p" in flags else channel_id
        values: dict[str, Any] = {"sender_id": self.ann, "is_private": "p" in flags}
        values |= {"reply_token": f"{interaction_id}:{token}:{created}:{flags}", "attachment": None}
        message = make_message(chat_id, f"interaction:{interaction_id}", **values)
        target, ledger = make_target(message, job_id)
        return target, ledger, interaction_id


def count_sends(channel: ServerChannel) -> int:
    return len(channel.server.requests_to(SEND))


def make_server_channel(server: DiscordServer, ann: str = "") -> ServerChannel:
    ann = ann or server.add_user("Ann")
    guild = server.add_guild(members=[ann])
    return ServerChannel(server, ann, guild, server.channel(guild))


async def add_guilds(server: DiscordServer, shards: int, person: str) -> list[str]:
    """Return a server for each shard, with a person in it."""
    found: dict[int, str] = {}
    while len(found) < shards:
        guild = server.add_guild(members=[person])
        found.setdefault((int(guild) >> 22) % shards, guild)
        await asyncio.sleep(0.001)  # its id says when it was made
    return [found[shard] for shard in range(shards)]
