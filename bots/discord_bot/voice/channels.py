"""Voice channels: we come when we are called, say what is to be heard, and leave the empty ones."""

from __future__ import annotations

import asyncio

import discord
import stamina
import structlog

from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import describe
from bots.discord_bot.interactions.tokens import read_interaction_token
from bots.discord_bot.voice.connection import VoiceConnection
from core.errors import UserError
from core.interfaces import DeliveryTarget
from core.models import Message

log = structlog.get_logger(__name__)

Channel = discord.VoiceChannel | discord.StageChannel

#: How long one try to come into a channel may take. There are two: discord.py reads the first
#: packets in a thread, and misses them for good where that thread starts late.
CONNECT_S = 8.0
#: How long we stay where nobody is left: people lose their connection for a moment.
ALONE_S = 10.0


class DiscordVoiceChannels:
    """Our stays, one per server at most; a `core.interfaces.VoiceChannels`."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        #: Bots are no company.
        self._bots: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- for commands

    def find(self, message: Message) -> str:
        """Return the name of our channel: see `core.interfaces.VoiceChannels`."""
        stay = self._stay(message)
        return stay.channel.name if stay else ""

    def is_present(self, message: Message) -> bool:
        """Tell whether the sender is with us: see `core.interfaces.VoiceChannels`."""
        stay = self._stay(message)
        return stay is not None and _is_in(stay.channel, message.sender_id)

    async def join(self, message: Message) -> str:
        """Come to the sender: see `core.interfaces.VoiceChannels`."""
        guild = self._guild(message)
        if guild is None:
            raise UserError("There are no voice channels here.")
        rooms: tuple[Channel, ...] = (*guild.voice_channels, *guild.stage_channels)
        channel = next((one for one in rooms if _is_in(one, message.sender_id)), None)
        if channel is None:
            raise UserError("Go into a voice channel first: I come to where you are.")
        stay = self._stay(message)
        if stay and stay.channel.id == channel.id:
            return channel.name
        if stay and not self._is_alone(stay):
            raise UserError("I am with others in {channel}.", channel=stay.channel.name)
        _require_rights(guild, channel)
        if stay:
            await stay.disconnect(force=True)
        await self._connect(channel, message)
        return channel.name

    async def leave(self, message: Message) -> None:
        """Leave: see `core.interfaces.VoiceChannels`."""
        if stay := self._stay(message):
            await stay.disconnect(force=True)

    def stop(self, message: Message) -> None:
        """Be silent: see `core.interfaces.VoiceChannels`."""
        if stay := self._stay(message):
            stay.hush(message.sent_at)

    def read(self, message: Message, *, is_on: bool) -> None:
        """Begin or end to read a chat aloud: see `core.interfaces.VoiceChannels`."""
        if stay := self._stay(message):
            place = (message.chat.chat_id, message.thread_id)
            (stay.read_places.add if is_on else stay.read_places.discard)(place)

    def is_read(self, message: Message) -> bool:
        """Tell whether a chat is read aloud: see `core.interfaces.VoiceChannels`."""
        stay = self._stay(message)
        if stay is None or message.sent_at < stay.since_at:
            return False
        return (message.chat.chat_id, message.thread_id) in stay.read_places

    # --- for the platform

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Let the sound of a job be heard where it is meant to be."""
        stay = self._stay(target.message)
        if stay and _is_meant(stay, target.message):
            stay.say(target, pcm, rate_hz)

    def end(self, job_id: str) -> None:
        """Note that a job brings no more sound."""
        for stay in self._client.voice_clients:
            if isinstance(stay, VoiceConnection):
                stay.end(job_id)

    def note_move(self, member: discord.Member) -> None:
        """Look whether we are alone after somebody came, went or moved."""
        if member.bot:
            self._bots.add(member.id)
        self._look_around(member.guild.voice_client)

    async def close(self) -> None:
        """Leave all channels."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        stays = [stay.disconnect(force=True) for stay in self._client.voice_clients]
        await asyncio.gather(*tasks, *stays, return_exceptions=True)

    async def _connect(self, channel: Channel, message: Message) -> None:
        if VoiceConnection.warn_nacl or VoiceConnection.warn_dave:
            raise UserError("Voice channels need davey and PyNaCl, which are not installed here.")
        try:
            stay = await _enter(channel)
        except TROUBLE as error:
            log.warning("discord_voice_failed", detail=describe(error))
            raise UserError(
                "I could not come into {channel}. Please try again later.", channel=channel.name
            ) from None
        if isinstance(channel, discord.StageChannel):
            await self._step_up(stay, channel)
        stay.begin(message)
        self._look_around(stay)

    async def _step_up(self, stay: VoiceConnection, channel: discord.StageChannel) -> None:
        """Become a speaker: on a stage whoever comes only listens. Raises UserError."""
        wanted = {"channel_id": channel.id, "suppress": False}
        try:
            await self._client.http.edit_my_voice_state(channel.guild.id, wanted)
        except TROUBLE as error:
            log.warning("discord_not_on_stage", detail=describe(error))
            await stay.disconnect(force=True)
            raise _no_speaker(channel) from None

    def _guild(self, message: Message) -> discord.Guild | None:
        if message.is_private or not message.chat.chat_id.isdecimal():
            return None
        channel = self._client.get_channel(int(message.chat.chat_id))
        return channel.guild if isinstance(channel, discord.abc.GuildChannel) else None

    def _stay(self, message: Message) -> VoiceConnection | None:
        guild = self._guild(message)
        stay = guild.voice_client if guild else None
        return stay if isinstance(stay, VoiceConnection) and stay.is_begun else None

    def _is_alone(self, stay: VoiceConnection) -> bool:
        return not stay.channel.voice_states.keys() - self._bots - {stay.user.id}

    def _look_around(self, stay: discord.VoiceProtocol | None) -> None:
        if isinstance(stay, VoiceConnection) and stay.is_begun and self._is_alone(stay):
            task = asyncio.create_task(self._leave_if_alone(stay))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _leave_if_alone(self, stay: VoiceConnection) -> None:
        await self._client.clock.sleep(ALONE_S)
        if stay.is_begun and self._is_alone(stay):
            log.info("discord_voice_alone")
            await stay.disconnect(force=True)


@stamina.retry(on=TimeoutError, attempts=2, timeout=None, wait_initial=0.1)
async def _enter(channel: Channel) -> VoiceConnection:
    return await channel.connect(timeout=CONNECT_S, cls=VoiceConnection, self_deaf=True)


def _is_in(channel: Channel, person_id: str) -> bool:
    return person_id.isdecimal() and int(person_id) in channel.voice_states


def _require_rights(guild: discord.Guild, channel: Channel) -> None:
    """Raise UserError where we may not be heard."""
    rights = channel.permissions_for(guild.me)
    if isinstance(channel, discord.StageChannel) and not rights.mute_members:
        raise _no_speaker(channel)
    if not (rights.view_channel and rights.connect and rights.speak):
        raise UserError("I may not come into {channel} or not speak there.", channel=channel.name)


def _no_speaker(channel: discord.StageChannel) -> UserError:
    return UserError(
        "{channel} is a stage, where I only listen: give me the right to mute members there, "
        "which lets me speak.",
        channel=channel.name,
    )


def _is_meant(stay: VoiceConnection, message: Message) -> bool:
    """Tell whether what answers a message may be heard by all in the channel.

    That is what was asked for where we were called, and what those in the channel let us say.
    """
    token = read_interaction_token(message.reply_token)
    if message.sent_at < stay.since_at or (token and (token.is_ephemeral or token.is_personal)):
        return False
    place = (message.chat.chat_id, message.thread_id)
    is_here = message.chat.chat_id == stay.home or place in stay.read_places
    return is_here or (message.command == "say" and _is_in(stay.channel, message.sender_id))
