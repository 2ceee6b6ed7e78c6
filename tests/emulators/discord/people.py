"""Users, guilds, members, roles, channels and threads of the local Discord."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.emulators.common import Emulator, locked
from tests.emulators.discord import permissions
from tests.emulators.discord.events import (
    GUILD_MEMBERS,
    GUILD_MODERATION,
    GUILDS,
    emit_channel,
    emit_thread_members,
)
from tests.emulators.discord.payloads import guild_create_json, member_json, role_json, user_json
from tests.emulators.discord.records import (
    DM,
    FORUM,
    PRIVATE_THREAD,
    TEXT,
    Guild,
    Member,
    Role,
)
from tests.emulators.discord.world import World


class People(Emulator):
    """Create and change users, guilds, roles and channels. All ids are strings."""

    world: World

    # --- users

    @locked
    def add_user(self, name: str = "Ann", **fields: Any) -> str:
        """Create a user; fields: those of User (`locale`, `has_app`, `is_closed`, `is_bot`)."""
        return self.world.add_user(name, **fields).user_id

    @locked
    def dm(self, user: str) -> str:
        """Return the DM channel of a user and the bot."""
        return self.world.dm_with(user).channel_id

    @locked
    def private_chat(self, user: str, other: str) -> str:
        """Create a DM channel of two users without the bot."""
        return self.world.add_channel(kind=DM, owner_id=user, recipient_id=other).channel_id

    # --- guilds

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
        """Create a guild with a channel "general", a role "Manager" and these members."""
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
    def invite_bot(self, guild: str, *, is_new: bool = False) -> None:
        """Add the bot to a guild, with a role that may mention everyone.

        is_new: now, instead of long ago.
        """
        place, me = self.world.guilds[guild], self.world.bot
        role = self._add_role(place, me.name, permissions.BOT)
        joined_at = self.world.clock.now() if is_new else 0.0
        place.members[me.user_id] = Member(me.user_id, [role.role_id], joined_at=joined_at)
        payload = guild_create_json(self.world, place, has_members=False)
        del payload["unavailable"]  # only in the GUILD_CREATEs after READY
        self.world.emit("GUILD_CREATE", payload, guild_id=guild, intent=GUILDS)

    @locked
    def add_member(self, guild: str, user: str, *roles: str) -> None:
        """Add a user to a guild or update their roles, given by name."""
        place = self.world.guilds[guild]
        given = [one.role_id for one in place.roles.values() if one.name in roles]
        change = "UPDATE" if user in place.members else "ADD"
        known = place.members.get(user)
        joined_at = known.joined_at if known else self.world.clock.now()
        member = place.members[user] = Member(user, given, joined_at=joined_at)
        payload = member_json(self.world, member) | {"guild_id": guild}
        name = f"GUILD_MEMBER_{change}"
        self.world.emit(name, payload, guild_id=guild, intent=GUILD_MEMBERS)

    @locked
    def remove_member(self, guild: str, user: str, *, is_banned: bool = False) -> None:
        """Let a user leave a guild, or ban them from it."""
        del self.world.guilds[guild].members[user]
        payload = {"guild_id": guild, "user": user_json(self.world.users[user])}
        emit = self.world.emit
        emit("GUILD_MEMBER_REMOVE", payload, guild_id=guild, intent=GUILD_MEMBERS)
        if is_banned:
            emit("GUILD_BAN_ADD", payload, guild_id=guild, intent=GUILD_MODERATION)

    @locked
    def set_role(self, guild: str, name: str, *names: str) -> None:
        """Set the permissions of a role."""
        place = self.world.guilds[guild]
        role = next(one for one in place.roles.values() if one.name == name)
        role.permissions = permissions.bits(*names)
        payload = {"guild_id": guild, "role": role_json(role, 1)}
        self.world.emit("GUILD_ROLE_UPDATE", payload, guild_id=guild, intent=GUILDS)

    @locked
    def make_manager(self, guild: str, user: str) -> None:
        """Give a user the role "Manager"."""
        self.add_member(guild, user, "Manager")

    @locked
    def grant_command(self, guild: str, user: str, name: str) -> None:
        """Allow a user a command, as under Server Settings, Integrations."""
        self.world.command_grants.add((guild, name, user))

    @locked
    def add_role(self, guild: str, name: str, *names: str, is_mentionable: bool = False) -> str:
        """Create a role with these permissions; return its id."""
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
        """Return the channel of a guild with this name."""
        return next(
            one.channel_id
            for one in self.world.channels.values()
            if one.guild_id == guild and one.name == name
        )

    @locked
    def add_channel(self, guild: str, name: str = "talk", kind: int = TEXT) -> str:
        """Create a channel; return its id."""
        channel = self.world.add_channel(guild_id=guild, name=name, kind=kind)
        emit_channel(self.world, channel, "CREATE")
        return channel.channel_id

    def add_forum(self, guild: str, name: str = "forum") -> str:
        """Create a forum channel; return its id."""
        return self.add_channel(guild, name, FORUM)

    @locked
    def delete_channel(self, channel: str) -> None:
        """Delete a channel or thread."""
        gone = self.world.channels.pop(channel)
        emit_channel(self.world, gone, "DELETE")

    @locked
    def allow(self, channel: str, target: str, *names: str) -> None:
        """Allow a role or user ("" is the bot) permissions in a channel."""
        self._overwrite(channel, target, permissions.bits(*names), 0)

    @locked
    def deny(self, channel: str, target: str, *names: str) -> None:
        """Deny a role or user ("" is the bot) permissions in a channel."""
        self._overwrite(channel, target, 0, permissions.bits(*names))

    def _overwrite(self, channel: str, target: str, allow: int, deny: int) -> None:
        place, target = self.world.channels[channel], target or self.world.bot.user_id
        old_allow, old_deny = place.overwrites.get(target, (0, 0))
        place.overwrites[target] = (old_allow & ~deny | allow, old_deny & ~allow | deny)
        emit_channel(self.world, place, "UPDATE")

    @locked
    def add_thread(self, channel: str, user: str, name: str = "Thread") -> str:
        """Create a thread; return its id."""
        thread = self.world.add_thread(self.world.channels[channel], user, name)
        emit_channel(self.world, thread, "CREATE")
        return thread.channel_id

    @locked
    def add_private_thread(self, channel: str, user: str, *members: str) -> str:
        """Create a private thread of the user, these members and the bot; return its id."""
        thread = self.world.add_thread(
            self.world.channels[channel], user, "Private", kind=PRIVATE_THREAD
        )
        self.add_to_thread(thread.channel_id, self.world.bot.user_id, *members)
        return thread.channel_id

    @locked
    def add_to_thread(self, thread: str, *users: str) -> None:
        """Add users to a thread."""
        place = self.world.channels[thread]
        place.thread_members |= {*users}
        emit_thread_members(self.world, place, added=users)

    @locked
    def remove_from_thread(self, thread: str, user: str) -> None:
        """Remove a user from a thread."""
        place = self.world.channels[thread]
        place.thread_members.remove(user)
        emit_thread_members(self.world, place, removed=[user])

    @locked
    def archive_thread(self, thread: str, *, is_locked: bool = False) -> None:
        """Archive a thread, optionally locked."""
        place = self.world.channels[thread]
        place.is_archived, place.is_locked = True, is_locked
        emit_channel(self.world, place, "UPDATE")

    @locked
    def change(self, target: str, **fields: Any) -> None:
        """Set fields of a user, guild, channel or message, given by id."""
        world = self.world
        owner: Any = world.users.get(target) or world.guilds.get(target)
        owner = owner or world.channels.get(target) or world.any_message(target)
        for name, value in fields.items():
            getattr(owner, name)
            setattr(owner, name, value)
