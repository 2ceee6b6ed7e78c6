"""What people and the bot may do in a channel: asked live from Discord, by id."""

from __future__ import annotations

import discord

from bots.common.members import MembershipCache
from bots.discord_bot.client.gateway import REQUEST_ERRORS, DiscordClient
from bots.discord_bot.errors import read_error
from bots.discord_bot.incoming.intake import Channels
from bots.discord_bot.interactions.parser import read_channel_ref
from bots.discord_bot.permissions import NEEDED
from core.errors import ChatGone
from core.locale import mark, translate
from core.models import Chat, Membership, Message

NOT_IN_THREAD = mark(
    "But I cannot read messages in this private thread yet. Mention me in it: that adds me."
)
NO_GATEWAY = mark(
    "But I cannot read the messages here: the operator has set me up so that I only see commands "
    "and the entries in a message's menu."
)
LACKING = mark(
    "But I cannot read and answer messages here yet. In the settings of this channel, under "
    "Permissions, allow me: {permissions}."
)


class DiscordMembers:
    """Looks up what people are in a channel, and what the bot may do there."""

    def __init__(self, client: DiscordClient, channels: Channels) -> None:
        self._client = client
        self._channels = channels
        self._cache = MembershipCache(client.clock)

    async def membership(self, chat: Chat, person_id: str, *, is_live: bool = False) -> Membership:
        """Return what a person is in a channel or private thread: NONE unless they can see it.

        Members with Administrator or Manage Server are its admins. is_live: now, not a minute ago.
        Raises PlatformError.
        """
        guild_id = await self._channels.find_guild(chat)
        if not (guild_id and person_id.isdecimal()):
            return Membership.NONE
        channel_id = int(chat.chat_id)
        return await self._cache.find(
            guild_id, f"{chat.chat_id}/{person_id}",
            lambda: self._ask(int(guild_id), channel_id, int(person_id)), is_live=is_live,
        )  # fmt: skip

    def note_interaction(self, interaction: discord.Interaction) -> None:
        """Take notice of the permissions that Discord sends with an interaction in a server."""
        if interaction.guild_id and interaction.is_guild_integration():
            granted = interaction.permissions
            is_admin = granted.administrator or granted.manage_guild
            key = f"{read_channel_ref(interaction).chat_id}/{interaction.user.id}"
            found = Membership.ADMIN if is_admin else Membership.MEMBER
            self._cache.note(str(interaction.guild_id), key, found)

    def note_change(self, guild: discord.Guild) -> None:
        """Ask anew what everybody is in a server: a role, a channel or a member has changed."""
        self._cache.drop(str(guild.id))

    async def _ask(self, guild_id: int, channel_id: int, person_id: int) -> Membership:
        await self._client.wait_open()
        try:
            guild = await self._find_guild(guild_id)
            # The gateway reports every change of roles and channels, but not of members.
            known = guild.get_channel_or_thread(channel_id)
            channel = known or await guild.fetch_channel(channel_id)
            member = await guild.fetch_member(person_id)
            is_visible = await _is_visible(guild, channel, member)
        except REQUEST_ERRORS as error:
            ours = read_error(error)
            # 10007, an unknown member, is NotFound without being ChatGone.
            if isinstance(ours, ChatGone) or isinstance(error, discord.NotFound):
                return Membership.NONE
            raise ours from None
        if guild.owner_id == member.id:
            return Membership.OWNER
        if not is_visible:
            return Membership.NONE
        granted = member.guild_permissions
        is_admin = granted.administrator or granted.manage_guild
        return Membership.ADMIN if is_admin else Membership.MEMBER

    async def _find_guild(self, guild_id: int) -> discord.Guild:
        """Return a server, without its channels where another process receives from it."""
        guild = self._client.get_guild(guild_id)
        if guild is None or guild.unavailable or not guild.owner_id:
            guild = await self._client.fetch_guild(guild_id, with_counts=False)
        return guild

    async def _find_own_rights(self, guild_id: int, channel_id: int) -> discord.Permissions:
        """Return what the bot may do in a channel. Raises PlatformError."""
        try:
            guild = await self._find_guild(guild_id)
            channel = guild.get_channel(channel_id) or await guild.fetch_channel(channel_id)
            me = guild.me or await guild.fetch_member(int(self._client.bot_id))
        except REQUEST_ERRORS as error:
            raise read_error(error) from None
        return channel.permissions_for(me)

    async def explain_blindness(self, message: Message) -> str:
        """Return which permissions the bot lacks in a server's channel, empty if none.

        Raises PlatformError.
        """
        if message.is_private or not message.chat.chat_id.isdecimal():
            return ""
        if not self._client.has_gateway:
            return translate(NO_GATEWAY, message.language)
        # Discord does not even name a channel that it hides from us.
        lacking = [one.name for one in NEEDED if one.flag == "view_channel"]
        if guild_id := await self._channels.find_guild(message.chat):
            channel_id = int(message.parent_id or message.chat.chat_id)
            granted = await self._find_own_rights(int(guild_id), channel_id)
            lacking = [one.name for one in NEEDED if not getattr(granted, one.flag)]
        elif message.parent_id:
            return translate(NOT_IN_THREAD, message.language)
        names = translate(", ", message.language).join(
            translate(name, message.language) for name in lacking
        )
        return translate(LACKING, message.language, permissions=names) if lacking else ""


async def _is_visible(
    guild: discord.Guild, channel: discord.abc.GuildChannel | discord.Thread, member: discord.Member
) -> bool:
    """Return whether a member sees a channel or thread. Raises REQUEST_ERRORS."""
    if not isinstance(channel, discord.Thread):
        return channel.permissions_for(member).view_channel
    parent = channel.parent or await guild.fetch_channel(channel.parent_id)
    granted = parent.permissions_for(member)
    if not channel.is_private() or granted.manage_threads or not granted.view_channel:
        return granted.view_channel
    # The gateway does not report who is added to a thread and who is removed.
    await channel.fetch_member(member.id)
    return True
