"""Channel look-up: the server and the chat that a Discord channel belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import discord
import structlog

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import read_error
from core.errors import ChatGone, PlatformError
from core.models import Chat

log = structlog.get_logger(__name__)

#: Channel types that are threads.
_THREADS = frozenset({10, 11, 12})
_MAX_CACHED = 5000
#: Deadline of a look-up during intake: other messages wait behind it.
_FIND_S = 5.0


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel; threads and forum posts belong to the chat of their parent channel."""

    #: Empty in private chats.
    guild_id: str
    chat_id: str
    thread_id: str | None = None

    @property
    def is_private(self) -> bool:
        """True in a direct message."""
        return not self.guild_id

    @property
    def channel_id(self) -> str:
        """The id of the channel or thread that messages are sent to."""
        return self.thread_id or self.chat_id


class Channels:
    """Channels known from the gateway, and others fetched over REST and cached."""

    def __init__(self, client: DiscordClient) -> None:
        self._client = client
        self._fetched: dict[str, ChannelRef] = {}

    async def find(self, channel_id: str, guild_id: str) -> ChannelRef | None:
        """Return the channel that an event names, None if it is gone.

        guild_id: as in the event, empty in private chats.
        """
        if not guild_id:
            return ChannelRef("", channel_id)
        guild = self._client.get_guild(int(guild_id))
        if channel := guild.get_channel_or_thread(int(channel_id)) if guild else None:
            return read_channel(channel)
        try:
            async with asyncio.timeout(_FIND_S):
                return await self.fetch(channel_id)
        except ChatGone:
            return None
        except (PlatformError, TimeoutError) as error:
            # A thread then counts as a chat of its own, which is better than to hold up intake.
            log.warning("discord_channel_unknown", error=type(error).__name__)
            return ChannelRef(guild_id, channel_id)

    async def fetch(self, channel_id: str) -> ChannelRef:
        """Return a channel from the cache or over REST. Raises PlatformError."""
        known = self._client.get_channel(int(channel_id))
        if isinstance(known, discord.abc.GuildChannel | discord.Thread):
            return read_channel(known)
        if channel_id not in self._fetched:
            await self._client.wait_open()
            try:
                raw: dict[str, Any] = dict(await self._client.http.get_channel(int(channel_id)))
            except REQUEST_ERRORS as error:
                raise read_error(error) from None
            if len(self._fetched) >= _MAX_CACHED:
                self._fetched.clear()
            self._fetched[channel_id] = read_raw(raw)
        return self._fetched[channel_id]

    async def open_private(self, person_id: str) -> str:
        """Return the id of the direct message channel with a person. Raises PlatformError."""
        await self._client.wait_open()
        try:
            raw = await self._client.http.start_private_message(int(person_id))
        except REQUEST_ERRORS as error:
            raise read_error(error) from None
        return str(raw["id"])

    async def find_guild(self, chat: Chat) -> str:
        """Return the server of a chat, empty if it is private or gone.

        Raises PlatformError when a retry may help.
        """
        if not chat.chat_id.isdecimal():
            return ""
        try:
            return (await self.fetch(chat.chat_id)).guild_id
        except ChatGone:
            return ""


def read_channel(channel: discord.abc.GuildChannel | discord.Thread) -> ChannelRef:
    """Return discord.py's channel as ours."""
    guild_id = str(channel.guild.id)
    if isinstance(channel, discord.Thread):
        return ChannelRef(guild_id, str(channel.parent_id), str(channel.id))
    return ChannelRef(guild_id, str(channel.id))


def read_raw(raw: Mapping[str, Any]) -> ChannelRef:
    """Return the REST API's channel object as ours."""
    guild_id, channel_id = str(raw.get("guild_id") or ""), str(raw["id"])
    if raw.get("type") in _THREADS and raw.get("parent_id"):
        return ChannelRef(guild_id, str(raw["parent_id"]), channel_id)
    return ChannelRef(guild_id, channel_id)
