"""Administrator rights: those of the command, else asked live and cached for a minute."""

from __future__ import annotations

from typing import Any

import discord

from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import read_error
from bots.discord_bot.incoming.intake import Channels
from bots.discord_bot.incoming.messages import INTERACTION_PREFIX
from core.commands import COMMANDS, load_command
from core.errors import ChatGone
from core.locale import mark, translate
from core.models import Message

#: Lifetime of a cached answer.
CACHE_S = 60.0
_MAX_CACHED = 5000
_ADMIN = discord.Permissions(administrator=True).value
_MANAGE_SERVER = discord.Permissions(manage_guild=True).value

#: What reading and answering in a channel needs, as discord.py and as Discord's settings call it.
NEEDED = {
    "view_channel": mark("View Channel"),
    "send_messages": mark("Send Messages"),
    "read_message_history": mark("Read Message History"),
}
LACKING = mark(
    "But I cannot read and answer messages here yet. In the settings of this channel, under "
    "Permissions, allow me: {permissions}."
)


def is_granted_by_discord(message: Message) -> bool:
    """Return whether Discord has checked that the sender may use this command.

    It is registered for members with Manage Server, and servers grant it to other roles, members
    and channels, or withdraw it, in their settings under Integrations ("Application Commands",
    Permissions). Buttons are not checked by Discord.
    """
    is_slash = message.message_id.startswith(INTERACTION_PREFIX) and not message.button
    is_known = is_slash and message.command in COMMANDS
    return is_known and load_command(message.command).is_for_admins


class DiscordAdmins:
    """Checks for server owners and members with Administrator or Manage Server."""

    def __init__(self, client: DiscordClient, channels: Channels) -> None:
        self._client = client
        self._channels = channels
        self._cache: dict[tuple[str, str], tuple[float, bool]] = {}

    async def is_admin(self, message: Message) -> bool:
        """Return whether the sender may change the chat's settings. Raises PlatformError."""
        if message.is_private or is_granted_by_discord(message):
            return True
        sender_id = message.sender_id
        guild_id = await self._channels.find_guild(message.chat)
        if not (guild_id and sender_id.isdecimal()):
            return False
        until_s, is_admin = self._cache.get((guild_id, sender_id), (0.0, False))
        if until_s < self._client.clock.monotonic():
            is_admin = await self._fetch(int(guild_id), int(sender_id))
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            until_s = self._client.clock.monotonic() + CACHE_S
            self._cache[guild_id, sender_id] = (until_s, is_admin)
        return is_admin

    async def explain_blindness(self, message: Message) -> str:
        """Return which permissions the bot lacks in a server's channel, empty if none.

        Raises PlatformError.
        """
        if message.is_private or not message.chat.chat_id.isdecimal():
            return ""
        # Discord does not even name a channel that it hides from us.
        lacking = [NEEDED["view_channel"]]
        if guild_id := await self._channels.find_guild(message.chat):
            guild = self._client.get_guild(int(guild_id))
            channel = guild.get_channel(int(message.chat.chat_id)) if guild else None
            if guild is None or guild.me is None or channel is None:
                return ""
            granted = channel.permissions_for(guild.me)
            lacking = [name for flag, name in NEEDED.items() if not getattr(granted, flag)]
        names = ", ".join(translate(name, message.language) for name in lacking)
        return translate(LACKING, message.language, permissions=names) if lacking else ""

    async def _fetch(self, guild_id: int, person_id: int) -> bool:
        await self._client.wait_open()
        try:
            owner_id, permissions = await self._fetch_guild(guild_id)
            if owner_id == person_id:
                return True
            member: Any = await self._client.http.get_member(guild_id, person_id)
        except REQUEST_ERRORS as error:
            ours = read_error(error)
            # 10007, an unknown member, is NotFound without being ChatGone.
            if isinstance(ours, ChatGone) or isinstance(error, discord.NotFound):
                return False
            raise ours from None
        # Everybody has the role with the server's own id.
        roles = {guild_id, *(int(role_id) for role_id in member.get("roles") or ())}
        return any(permissions.get(role_id, 0) & (_ADMIN | _MANAGE_SERVER) for role_id in roles)

    async def _fetch_guild(self, guild_id: int) -> tuple[int, dict[int, int]]:
        """Return the owner of a server, and the permissions of each role by its id."""
        guild = self._client.get_guild(guild_id)
        if guild and not guild.unavailable and guild.owner_id:
            # The gateway reports every change of these.
            return guild.owner_id, {role.id: role.permissions.value for role in guild.roles}
        raw: Any = await self._client.http.get_guild(guild_id, with_counts=False)
        permissions = {int(role["id"]): int(role["permissions"]) for role in raw.get("roles") or ()}
        return int(raw.get("owner_id") or 0), permissions
