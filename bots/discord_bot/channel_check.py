"""What the bot may not do in channels that it is used in, for `hearsay doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import discord
from discord.http import Route

from bots.discord_bot.client.gateway import REQUEST_ERRORS
from bots.discord_bot.errors import read_error
from bots.discord_bot.permissions import NEEDED, USED
from core.config import Settings
from core.errors import ChatGone

#: Of the permissions that only a part needs, those that count in every channel.
_EVERYWHERE = ("attach_files", "send_voice_messages")
_THREADS = (discord.ChannelType.public_thread, discord.ChannelType.private_thread)
_MAX_WAIT_S = 30.0


async def find_faults(settings: Settings, channel_ids: Iterable[str]) -> dict[str, str]:
    """Return why the bot cannot work in channels: channel id -> reason, without those where it can.

    Raises PlatformError.
    """
    # discord.py has one API address for the whole process.
    Route.BASE = settings.discord_api_base_url.rstrip("/")
    client = discord.Client(
        intents=discord.Intents.none(), max_messages=None, max_ratelimit_timeout=_MAX_WAIT_S
    )
    rights = _Rights(client)
    try:
        await client.login(settings.secret("discord_bot_token") or "")
        found = {one: await _find_fault(rights, int(one)) for one in channel_ids}
    except REQUEST_ERRORS as error:
        raise read_error(error) from None
    finally:
        await client.close()
    return {channel_id: fault for channel_id, fault in found.items() if fault}


class _Rights:
    """Asks what the bot may do; each server is asked about once."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        #: Server -> itself, and the bot in it.
        self._known: dict[int, tuple[discord.Guild, discord.Member]] = {}

    async def find(self, channel_id: int) -> discord.Permissions:
        """Return what the bot may do in a channel, or in that of a thread.

        Raises REQUEST_ERRORS.
        """
        raw: Any = await self._client.http.get_channel(channel_id)
        if "guild_id" not in raw:  # a private chat
            return discord.Permissions.all()
        guild, me = await self._find_guild(int(raw["guild_id"]))
        is_thread = discord.ChannelType(raw["type"]) in _THREADS
        number = int(raw["parent_id"]) if is_thread else channel_id
        return (await guild.fetch_channel(number)).permissions_for(me)

    async def _find_guild(self, guild_id: int) -> tuple[discord.Guild, discord.Member]:
        if guild_id not in self._known:
            guild = await self._client.fetch_guild(guild_id, with_counts=False)
            assert self._client.user  # by the login
            self._known[guild_id] = guild, await guild.fetch_member(self._client.user.id)
        return self._known[guild_id]


async def _find_fault(rights: _Rights, channel_id: int) -> str:
    """Return why the bot cannot work in a channel, empty if it can. Raises REQUEST_ERRORS."""
    try:
        granted = await rights.find(channel_id)
    except REQUEST_ERRORS as error:
        if isinstance(read_error(error), ChatGone):
            # Discord does not even say whether it was removed or the channel is hidden from it.
            return f"was removed, or lacks {NEEDED[0].name}"
        raise
    checked = (*NEEDED, *(one for one in USED if one.flag in _EVERYWHERE))
    lacking = [one.name for one in checked if not getattr(granted, one.flag)]
    return f"lacks {', '.join(lacking)}" if lacking else ""
