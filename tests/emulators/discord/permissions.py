"""Permissions: Discord's bits, and how roles and channel overwrites combine."""

from __future__ import annotations

from collections.abc import Iterable

from tests.emulators.discord.records import Channel, Guild, Member

BITS = {
    "CREATE_INSTANT_INVITE": 0, "KICK_MEMBERS": 1, "BAN_MEMBERS": 2, "ADMINISTRATOR": 3,
    "MANAGE_CHANNELS": 4, "MANAGE_GUILD": 5, "ADD_REACTIONS": 6, "VIEW_CHANNEL": 10,
    "SEND_MESSAGES": 11, "SEND_TTS_MESSAGES": 12, "MANAGE_MESSAGES": 13, "EMBED_LINKS": 14,
    "ATTACH_FILES": 15, "READ_MESSAGE_HISTORY": 16, "MENTION_EVERYONE": 17,
    "USE_EXTERNAL_EMOJIS": 18, "CONNECT": 20, "SPEAK": 21, "MUTE_MEMBERS": 22, "MANAGE_ROLES": 28,
    "MANAGE_WEBHOOKS": 29, "USE_APPLICATION_COMMANDS": 31, "MANAGE_THREADS": 34,
    "CREATE_PUBLIC_THREADS": 35, "CREATE_PRIVATE_THREADS": 36, "SEND_MESSAGES_IN_THREADS": 38,
    "SEND_VOICE_MESSAGES": 46, "USE_EXTERNAL_APPS": 50,
}  # fmt: skip
ALL = sum(1 << bit for bit in BITS.values())


def bits(*names: str) -> int:
    """Return the bit set of the named permissions."""
    return sum(1 << BITS[name] for name in names)


#: Permissions of @everyone in a new guild.
MEMBER = bits(
    "VIEW_CHANNEL", "SEND_MESSAGES", "EMBED_LINKS", "ATTACH_FILES", "READ_MESSAGE_HISTORY",
    "ADD_REACTIONS", "USE_EXTERNAL_EMOJIS", "CONNECT", "SPEAK", "USE_APPLICATION_COMMANDS",
    "CREATE_PUBLIC_THREADS", "CREATE_PRIVATE_THREADS", "SEND_MESSAGES_IN_THREADS",
    "SEND_VOICE_MESSAGES", "USE_EXTERNAL_APPS", "CREATE_INSTANT_INVITE",
)  # fmt: skip
#: Additional permissions of the role "Manager".
MANAGER = bits("MANAGE_GUILD", "MANAGE_CHANNELS", "MANAGE_MESSAGES", "MANAGE_THREADS")
#: Additional permissions of the bot's role, so that unintended mentions would ping.
BOT = bits("MENTION_EVERYONE")
#: Permissions in DM channels.
PRIVATE = MEMBER & ~bits("CREATE_PUBLIC_THREADS", "CREATE_PRIVATE_THREADS")


def has(granted: int, name: str) -> bool:
    """Return whether a permission is granted."""
    return bool(granted & 1 << BITS[name])


def in_guild(guild: Guild, member: Member) -> int:
    """Return a member's permissions in a guild, without channel overwrites."""
    if member.user_id == guild.owner_id:
        return ALL
    granted = guild.roles[guild.guild_id].permissions
    for role_id in member.roles:
        granted |= guild.roles[role_id].permissions
    return ALL if has(granted, "ADMINISTRATOR") else granted


def in_channel(guild: Guild, member: Member, channel: Channel) -> int:
    """Return a member's permissions in a channel; for a thread, pass its parent.

    Source: Discord, "Permissions", Permission Overwrites: @everyone, roles, the member.
    """
    granted = in_guild(guild, member)
    if granted == ALL:
        return ALL
    steps = ({guild.guild_id}, set(member.roles), {member.user_id})
    for targets in steps:
        granted = _apply(granted, channel, targets)
    # Without VIEW_CHANNEL there are no other permissions.
    return granted if has(granted, "VIEW_CHANNEL") else 0


def _apply(granted: int, channel: Channel, targets: Iterable[str]) -> int:
    chosen = [channel.overwrites[target] for target in targets if target in channel.overwrites]
    allow = deny = 0
    for allowed, denied in chosen:
        allow |= allowed
        deny |= denied
    return granted & ~deny | allow
