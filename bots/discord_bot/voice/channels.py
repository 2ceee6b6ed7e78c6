"""Voice channels: the bot joins when called, plays speech, and leaves empty channels."""

from __future__ import annotations

import asyncio

import discord
import stamina
import structlog

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.outgoing.routes import read_interaction_token
from bots.discord_bot.voice.connection import VoiceConnection
from core.errors import UserError
from core.interfaces import DeliveryTarget
from core.models import Message

log = structlog.get_logger(__name__)

Channel = discord.VoiceChannel | discord.StageChannel

#: Deadline of one try to connect. There are two: discord.py reads the first packets in a thread,
#: and misses them if that thread starts late.
CONNECT_S = 8.0
#: How long the bot stays in an empty channel: people reconnect after a moment.
ALONE_S = 10.0


class DiscordVoiceChannels:
    """At most one voice connection per server; a `core.interfaces.VoiceChannels`."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        #: User ids of bots, which do not count as company.
        self._bots: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def is_reachable(self, message: Message) -> bool:
        """Return whether this process receives from the server."""
        return self._guild(message) is not None

    def find(self, message: Message) -> str:
        """Return the name of the bot's channel, empty if it is in none."""
        connection = self._find_connection(message)
        return connection.channel.name if connection else ""

    def is_present(self, message: Message) -> bool:
        """Return whether the sender is in the bot's channel."""
        connection = self._find_connection(message)
        return connection is not None and _is_in(connection.channel, message.sender_id)

    async def join(self, message: Message) -> str:
        """Join the sender's channel and return its name. Raises UserError."""
        if message.is_private or not message.chat.chat_id.isdecimal():
            raise UserError("There are no voice channels here.")
        guild = self._guild(message)
        if guild is None:
            raise UserError(
                "I cannot reach the voice channels at the moment. Please try again in a minute."
            )
        channels: tuple[Channel, ...] = (*guild.voice_channels, *guild.stage_channels)
        channel = next((one for one in channels if _is_in(one, message.sender_id)), None)
        if channel is None:
            raise UserError("Join a voice channel first, then I can join you.")
        connection = self._find_connection(message)
        if connection and connection.channel.id == channel.id:
            return channel.name
        if connection and not self._is_alone(connection):
            raise UserError(
                "I am already with other people in {channel}. You can join us there.",
                channel=connection.channel.name,
            )
        _require_rights(guild, channel)
        if connection:
            await connection.disconnect(force=True)
        await self._connect(channel, message)
        return channel.name

    async def leave(self, message: Message) -> None:
        """Leave the voice channel of a message's server."""
        if connection := self._find_connection(message):
            await connection.disconnect(force=True)

    def stop(self, message: Message) -> None:
        """Stop playing, and drop what was asked for before the message."""
        if connection := self._find_connection(message):
            connection.silence(message.sent_at)

    def read(self, message: Message, *, is_on: bool) -> None:
        """Turn reading aloud on or off for the chat or thread of a message."""
        if connection := self._find_connection(message):
            chat = (message.chat.chat_id, message.thread_id)
            (connection.read_aloud.add if is_on else connection.read_aloud.discard)(chat)

    def is_read(self, message: Message) -> bool:
        """Return whether the chat or thread of a message is read aloud."""
        connection = self._find_connection(message)
        if connection is None or message.sent_at < connection.since_at:
            return False
        return (message.chat.chat_id, message.thread_id) in connection.read_aloud

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Play a job's samples in the voice channel of its server, if they are meant for it."""
        connection = self._find_connection(target.message)
        if connection and _is_public(connection, target.message):
            connection.feed(target, pcm, rate_hz)

    def end(self, job_id: str) -> None:
        """Note that a job's speech is complete."""
        for connection in self._client.voice_clients:
            if isinstance(connection, VoiceConnection):
                connection.end(job_id)

    def note_move(self, member: discord.Member) -> None:
        """Check whether the bot is alone after somebody joined, left or moved."""
        if member.bot:
            self._bots.add(member.id)
        self._check_alone(member.guild.voice_client)

    def is_in_shard(self, shard_id: int) -> bool:
        """Return whether the bot is in a channel of a shard's servers."""
        return bool(self._find_in_shard(shard_id))

    async def leave_shard(self, shard_id: int) -> None:
        """Leave the channels of a shard's servers."""
        leaving = [one.disconnect(force=True) for one in self._find_in_shard(shard_id)]
        await asyncio.gather(*leaving, return_exceptions=True)

    def _find_in_shard(self, shard_id: int) -> list[VoiceConnection]:
        found = (one for one in self._client.voice_clients if isinstance(one, VoiceConnection))
        return [one for one in found if one.guild.shard_id == shard_id]

    async def close(self) -> None:
        """Leave all channels."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        leaving = [one.disconnect(force=True) for one in self._client.voice_clients]
        await asyncio.gather(*tasks, *leaving, return_exceptions=True)

    async def _connect(self, channel: Channel, message: Message) -> None:
        if VoiceConnection.warn_nacl or VoiceConnection.warn_dave:
            raise UserError(
                "I cannot join voice channels yet: the operator of this bot has to install the "
                "Python packages davey and PyNaCl."
            )
        try:
            connection = await _connect_to(channel)
        except REQUEST_ERRORS as error:
            log.warning("discord_voice_failed", detail=describe(error))
            raise UserError(
                "I could not join {channel}. Please try again later.", channel=channel.name
            ) from None
        if isinstance(channel, discord.StageChannel):
            await self._become_speaker(connection, channel)
        connection.start(message)
        self._check_alone(connection)

    async def _become_speaker(
        self, connection: VoiceConnection, channel: discord.StageChannel
    ) -> None:
        """Become a speaker: everyone joins a stage as audience. Raises UserError."""
        state = {"channel_id": channel.id, "suppress": False}
        try:
            await self._client.http.edit_my_voice_state(channel.guild.id, state)
        except REQUEST_ERRORS as error:
            log.warning("discord_stage_refused", detail=describe(error))
            await connection.disconnect(force=True)
            raise _stage_error(channel) from None

    def _guild(self, message: Message) -> discord.Guild | None:
        if message.is_private or not message.chat.chat_id.isdecimal():
            return None
        channel = self._client.get_channel(int(message.chat.chat_id))
        if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return channel.guild
        return None

    def _find_connection(self, message: Message) -> VoiceConnection | None:
        guild = self._guild(message)
        found = guild.voice_client if guild else None
        return found if isinstance(found, VoiceConnection) and found.is_started else None

    def _is_alone(self, connection: VoiceConnection) -> bool:
        return not connection.channel.voice_states.keys() - self._bots - {connection.user.id}

    def _check_alone(self, found: discord.VoiceProtocol | None) -> None:
        if isinstance(found, VoiceConnection) and found.is_started and self._is_alone(found):
            task = asyncio.create_task(self._leave_if_alone(found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _leave_if_alone(self, connection: VoiceConnection) -> None:
        await self._client.clock.sleep(ALONE_S)
        if connection.is_started and self._is_alone(connection):
            log.info("discord_voice_alone")
            await connection.disconnect(force=True)


@stamina.retry(on=TimeoutError, attempts=2, timeout=None, wait_initial=0.1)
async def _connect_to(channel: Channel) -> VoiceConnection:
    return await channel.connect(timeout=CONNECT_S, cls=VoiceConnection, self_deaf=True)


def _is_in(channel: Channel, person_id: str) -> bool:
    return person_id.isdecimal() and int(person_id) in channel.voice_states


def _require_rights(guild: discord.Guild, channel: Channel) -> None:
    """Raise UserError if the bot may not join or speak."""
    rights = channel.permissions_for(guild.me)
    if isinstance(channel, discord.StageChannel) and not rights.mute_members:
        raise _stage_error(channel)
    if not (rights.view_channel and rights.connect and rights.speak):
        raise UserError(
            "To join {channel} I need the permissions Connect and Speak there.",
            channel=channel.name,
        )


def _stage_error(channel: discord.StageChannel) -> UserError:
    return UserError(
        "{channel} is a stage channel: I need the Mute Members permission to speak there.",
        channel=channel.name,
    )


def _is_public(connection: VoiceConnection, message: Message) -> bool:
    """Return whether everybody in the channel may hear the reply to a message.

    That holds in the chat that /join came from, in chats that are read aloud, and for /say by
    people in the channel.
    """
    token = read_interaction_token(message.reply_token)
    is_secret = token is not None and (token.is_ephemeral or token.is_personal)
    if is_secret or message.sent_at < connection.since_at:
        return False
    chat = (message.chat.chat_id, message.thread_id)
    is_here = message.chat.chat_id == connection.home_chat_id or chat in connection.read_aloud
    return is_here or (message.command == "say" and _is_in(connection.channel, message.sender_id))
