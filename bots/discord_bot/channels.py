"""Where a Discord channel is: its server, and the chat that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import discord

from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import read_error
from core.errors import ChatGone
from core.models import Chat

_THREADS = frozenset({10, 11, 12})
_MAX_KNOWN = 5000


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """What a channel of Discord is to us: threads and posts are parts of their channel's chat."""

    #: Empty in private.
    guild_id: str
    chat_id: str
    thread_id: str | None = None

    @property
    def is_private(self) -> bool:
        """True where nobody else reads."""
        return not self.guild_id

    @property
    def channel_id(self) -> str:
        """The channel that messages are sent to."""
        return self.thread_id or self.chat_id


class Channels:
    """Knows channels: those that the gateway told of, and others once they were asked for."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        self._asked: dict[str, ChannelRef] = {}

    def find(self, channel_id: str, guild_id: str) -> ChannelRef | None:
        """Return where a channel is; None if it has to be asked for.

        guild_id: as the event that names the channel has it, empty in private.
        """
        if not guild_id:
            return ChannelRef("", channel_id)
        guild = self._client.get_guild(int(guild_id))
        channel = guild.get_channel_or_thread(int(channel_id)) if guild else None
        return read_channel(channel) if channel else self._asked.get(channel_id)

    async def ask(self, channel_id: str) -> ChannelRef:
        """Return where a channel is, as Discord says. Raises PlatformError."""
        known = self._client.get_channel(int(channel_id))
        if isinstance(known, discord.abc.GuildChannel | discord.Thread):
            return read_channel(known)
        if channel_id not in self._asked:
            await self._client.wait_open()
            try:
                raw: dict[str, Any] = dict(await self._client.http.get_channel(int(channel_id)))
            except TROUBLE as error:
                raise read_error(error) from None
            if len(self._asked) >= _MAX_KNOWN:
                self._asked.clear()
            self._asked[channel_id] = read_raw(raw)
        return self._asked[channel_id]

    async def open_private(self, person_id: str) -> str:
        """Return the channel that we share with a person alone. Raises PlatformError."""
        await self._client.wait_open()
        try:
            raw = await self._client.http.start_private_message(int(person_id))
        except TROUBLE as error:
            raise read_error(error) from None
        return str(raw["id"])

    async def find_guild(self, chat: Chat) -> str:
        """Return the server of a chat, empty if it is private or nobody can tell.

        Raises PlatformError when time would tell.
        """
        if not chat.chat_id.isdecimal():
            return ""
        try:
            return (await self.ask(chat.chat_id)).guild_id
        except ChatGone:
            return ""


def read_channel(channel: discord.abc.GuildChannel | discord.Thread) -> ChannelRef:
    """Return where a channel is that the gateway told of."""
    guild_id = str(channel.guild.id)
    if isinstance(channel, discord.Thread):
        return ChannelRef(guild_id, str(channel.parent_id), str(channel.id))
    return ChannelRef(guild_id, str(channel.id))


def read_raw(raw: Mapping[str, Any]) -> ChannelRef:
    """Return where a channel is, from what the REST API says of it."""
    guild_id, channel_id = str(raw.get("guild_id") or ""), str(raw["id"])
    if raw.get("type") in _THREADS and raw.get("parent_id"):
        return ChannelRef(guild_id, str(raw["parent_id"]), channel_id)
    return ChannelRef(guild_id, channel_id)
