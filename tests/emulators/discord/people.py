"""The people of the virtual Discord: who they are, where they are, and what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.emulators.common import Emulator, locked
from tests.emulators.discord import permissions
from tests.emulators.discord.events import GUILD_MEMBERS, GUILDS, emit_channel
from tests.emulators.discord.payloads import guild_create_json, member_json
from tests.emulators.discord.records import DM, FORUM, TEXT, Guild, Member, Role
from tests.emulators.discord.world import World


class People(Emulator):
    """Users, servers, members, roles, channels and threads. All ids are text."""

    world: World

    # --- people

    @locked
    def add_user(self, name: str = "Ann", **fields: Any) -> str:
        """Make a person; fields are those of User (`locale`, `has_app`, `is_closed`, `is_bot`)."""
        return self.world.add_user(name, **fields).user_id

    @locked
    def dm(self, user: str) -> str:
        """Return the private chat of a person with the bot."""
        return self.world.dm_with(user).channel_id

    @locked
    def private_chat(self, user: str, other: str) -> str:
        """Return a new private chat of two people, in which the bot is not."""
        return self.world.add_channel(kind=DM, owner_id=user, recipient_id=other).channel_id

    # --- servers

    @locked
    def add_guild(
        self,
        name: str = "Server",
        *,
        owner: str = "",
        members: Sequence[str] = (),
        has_bot: bool = True,
        locale: str = "en-US",
    ) -> str:
        """Make a server with a channel "general", a role "Manager" and its people."""
        owner = owner or self.add_user("Owner")
        guild = Guild(self.world.snowflake(), name, owner, locale=locale)
        self.world.guilds[guild.guild_id] = guild
        guild.roles[guild.guild_id] = Role(guild.guild_id, "@everyone", permissions.MEMBER)
        self._add_role(guild, "Manager", permissions.MANAGER)
        for user in (owner, *members):
            guild.members[user] = Member(user)
        self.world.add_channel(guild_id=guild.guild_id, name="general")
        if has_bot:
            self.invite_bot(guild.guild_id)
        return guild.guild_id

    @locked
    def invite_bot(self, guild: str) -> None:
        """Let the bot into a server, with a role of its own that may ping everyone."""
        place, me = self.world.guilds[guild], self.world.bot
        role = self._add_role(place, me.name, permissions.BOT)
        place.members[me.user_id] = Member(me.user_id, [role.role_id])
        payload = guild_create_json(self.world, place, has_members=False)
        # Only of a server that was there before does it say so.
        del payload["unavailable"]
        self.world.emit("GUILD_CREATE", payload, guild_id=guild, intent=GUILDS)

    @locked
    def add_member(self, guild: str, user: str, *roles: str) -> None:
        """Let a person into a server, with roles by their names."""
        place = self.world.guilds[guild]
        given = [one.role_id for one in place.roles.values() if one.name in roles]
        deed = "UPDATE" if user in place.members else "ADD"
        member = place.members[user] = Member(user, given)
        payload = member_json(self.world, member) | {"guild_id": guild}
        name = f"GUILD_MEMBER_{deed}"
        self.world.emit(name, payload, guild_id=guild, intent=GUILD_MEMBERS)

    @locked
    def make_manager(self, guild: str, user: str) -> None:
        """Give a person the role that may manage the server."""
        self.add_member(guild, user, "Manager")

    @locked
    def add_role(self, guild: str, name: str, *names: str, is_mentionable: bool = False) -> str:
        """Make a role with the named permissions and return its id."""
        role = self._add_role(self.world.guilds[guild], name, permissions.bits(*names))
        role.is_mentionable = is_mentionable
        return role.role_id

    def _add_role(self, guild: Guild, name: str, granted: int) -> Role:
        role = Role(self.world.snowflake(), name, granted)
        guild.roles[role.role_id] = role
        return role

    # --- channels

    @locked
    def channel(self, guild: str, name: str = "general") -> str:
        """Return a channel of a server by its name."""
        return next(
            one.channel_id
            for one in self.world.channels.values()
            if one.guild_id == guild and one.name == name
        )

    @locked
    def add_channel(self, guild: str, name: str = "talk", kind: int = TEXT) -> str:
        """Open a channel and return its id."""
        channel = self.world.add_channel(guild_id=guild, name=name, kind=kind)
        emit_channel(self.world, channel, "CREATE")
        return channel.channel_id

    def add_forum(self, guild: str, name: str = "forum") -> str:
        """Open a forum and return its id."""
        return self.add_channel(guild, name, FORUM)

    @locked
    def delete_channel(self, channel: str) -> None:
        """Take a channel or a thread away."""
        gone = self.world.channels.pop(channel)
        emit_channel(self.world, gone, "DELETE")

    @locked
    def allow(self, channel: str, target: str, *names: str) -> None:
        """Grant permissions in a channel to a role or a user ("" is the bot)."""
        self._overwrite(channel, target, permissions.bits(*names), 0)

    @locked
    def deny(self, channel: str, target: str, *names: str) -> None:
        """Take permissions in a channel from a role or a user ("" is the bot)."""
        self._overwrite(channel, target, 0, permissions.bits(*names))

    def _overwrite(self, channel: str, target: str, allow: int, deny: int) -> None:
        place, target = self.world.channels[channel], target or self.world.bot.user_id
        old_allow, old_deny = place.overwrites.get(target, (0, 0))
        place.overwrites[target] = (old_allow & ~deny | allow, old_deny & ~allow | deny)
        emit_channel(self.world, place, "UPDATE")

    @locked
    def add_thread(self, channel: str, user: str, name: str = "Thread") -> str:
        """Open a thread and return its id."""
        thread = self.world.add_thread(self.world.channels[channel], user, name)
        emit_channel(self.world, thread, "CREATE")
        return thread.channel_id

    @locked
    def archive_thread(self, thread: str, *, is_locked: bool = False) -> None:
        """Archive a thread, and lock it."""
        place = self.world.channels[thread]
        place.is_archived, place.is_locked = True, is_locked
        emit_channel(self.world, place, "UPDATE")

    @locked
    def change(self, target: str, **fields: Any) -> None:
        """Set fields of a user, a server, a channel or a message."""
        world = self.world
        owner: Any = world.users.get(target) or world.guilds.get(target)
        owner = owner or world.channels.get(target) or world.any_message(target)
        for name, value in fields.items():
            getattr(owner, name)
            setattr(owner, name, value)
