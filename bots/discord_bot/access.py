"""Who may do what: asked live from Discord, by number, never by name."""

from __future__ import annotations

from typing import Any

import discord

from bots.discord_bot.channels import Channels
from bots.discord_bot.client.gateway import TROUBLE, DiscordClient
from bots.discord_bot.errors import read_error
from core.errors import ChatGone, PlatformError
from core.models import Message

#: How long an answer is believed.
CACHE_S = 60.0
_MAX_CACHED = 5000
_ADMIN = discord.Permissions(administrator=True).value
_MANAGER = discord.Permissions(manage_guild=True).value


class DiscordAdmins:
    """Knows who manages servers: their owner, and who may manage them or do everything."""

    def __init__(self, client: DiscordClient, channels: Channels) -> None:
        self._client = client
        self._channels = channels
        self._cache: dict[tuple[str, str], tuple[float, bool]] = {}

    async def is_admin(self, message: Message) -> bool:
        """Tell whether the sender may change the chat's settings. Raises PlatformError."""
        if message.is_private:
            return True
        sender_id = message.sender_id
        guild_id = await self._channels.find_guild(message.chat)
        if not (guild_id and sender_id.isdecimal()):
            return False
        until_s, is_admin = self._cache.get((guild_id, sender_id), (0.0, False))
        if until_s < self._client.clock.monotonic():
            is_admin = await self._ask(int(guild_id), int(sender_id))
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            until_s = self._client.clock.monotonic() + CACHE_S
            self._cache[guild_id, sender_id] = (until_s, is_admin)
        return is_admin

    async def _ask(self, guild_id: int, person_id: int) -> bool:
        await self._client.wait_open()
        try:
            owner_id, powers = await self._ask_guild(guild_id)
            if owner_id == person_id:
                return True
            member: Any = await self._client.http.get_member(guild_id, person_id)
        except TROUBLE as error:
            ours = read_error(error)
            if _is_no_member(error, ours):
                return False
            raise ours from None
        # Everybody has the role that bears the server's own id.
        held = {guild_id, *(int(role_id) for role_id in member.get("roles") or ())}
        return any(powers.get(role_id, 0) & (_ADMIN | _MANAGER) for role_id in held)

    async def _ask_guild(self, guild_id: int) -> tuple[int, dict[int, int]]:
        """Return the owner of a server, and what each of its roles may do."""
        guild = self._client.get_guild(guild_id)
        if guild and not guild.unavailable and guild.owner_id:
            # The gateway tells every change of these.
            return guild.owner_id, {role.id: role.permissions.value for role in guild.roles}
        raw: Any = await self._client.http.get_guild(guild_id, with_counts=False)
        powers = {int(role["id"]): int(role["permissions"]) for role in raw.get("roles") or ()}
        return int(raw.get("owner_id") or 0), powers


def _is_no_member(error: BaseException, ours: PlatformError | Exception) -> bool:
    """Tell whether nobody is there who could be asked: 10007 is an unknown member."""
    return isinstance(ours, ChatGone) or isinstance(error, discord.NotFound)
