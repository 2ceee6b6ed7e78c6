"""Mentions and notifications, by Discord's rules for allowed mentions.

Source: Discord, "Message", Allowed Mentions Object. Without it a bot's message mentions users,
roles and everyone, an interaction response users only; a reply pings the author of the message
it refers to. Embeds and file names never ping. Mentions in code blocks count here, to be on the
safe side. An edit is evaluated again, with the defaults if it has no allowed mentions.
"""

from __future__ import annotations

import re
from typing import Any

from tests.emulators.discord import permissions
from tests.emulators.discord.errors import bad_field
from tests.emulators.discord.records import Channel, Message, Ping
from tests.emulators.discord.world import World

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)")
_WEBHOOK_DEFAULT = {"parse": ["users"], "replied_user": True}
_SEND_DEFAULT = {"parse": ["users", "roles", "everyone"], "replied_user": True}


def check_allowed(allowed: Any) -> None:
    """Validate an Allowed Mentions object. Raises ApiError 50035."""
    if allowed is None:
        return
    parse = allowed.get("parse", [])
    for name in ("users", "roles"):
        if name in parse and allowed.get(name):
            raise bad_field(
                "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{name}"] and {name}: [ids...] are mutually exclusive.',
            )  # fmt: skip
        if len(allowed.get(name, [])) > 100:
            raise bad_field(
                f"allowed_mentions.{name}", "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer."
            )


def set_mentions(world: World, message: Message) -> None:
    """Set the mentions of a user's message."""
    allowed = {"parse": ["users", "roles", "everyone"]}
    targets = find_targets(world, message, allowed, message.author_id)
    _set_mentions(message, targets)


def record_pings(world: World, message: Message, allowed: dict[str, Any] | None, by: str) -> None:
    """Set the mentions of a bot's message, and record the notifications it causes."""
    default = _SEND_DEFAULT if by in ("send", "edit") and not message.interaction_id else None
    rules = allowed if allowed is not None else default or _WEBHOOK_DEFAULT
    targets = find_targets(world, message, rules, world.bot.user_id)
    channel = world.channels[message.channel_id]
    quoted = channel.messages.get(message.reply_to or "")
    if quoted and rules.get("replied_user") and quoted.author_id != world.bot.user_id:
        targets = list(dict.fromkeys([*targets, f"user:{quoted.author_id}"]))
    _set_mentions(message, targets)
    world.pings += [
        Ping(message.message_id, message.channel_id, target, by)
        for target in targets
        if target != f"user:{world.bot.user_id}"
    ]


def find_targets(
    world: World, message: Message, allowed: dict[str, Any], author_id: str
) -> list[str]:
    """Return whom the content of a message pings, as in `Ping.target`."""
    text, parse = message.content, allowed.get("parse", [])
    channel = world.channels[message.channel_id]
    can_ping_all = permissions.has(world.permissions_of(author_id, channel), "MENTION_EVERYONE")
    targets = [
        f"user:{user}"
        for user in _USER.findall(text)
        if user in world.users and ("users" in parse or user in allowed.get("users", []))
    ]
    for role in _ROLE.findall(text):
        is_allowed = "roles" in parse or role in allowed.get("roles", [])
        if is_allowed and _is_pingable(world, channel, role, can_ping_all):
            targets.append(f"role:{role}")
    if "everyone" in parse and can_ping_all and channel.guild_id:
        targets += _EVERYONE.findall(text)
    return list(dict.fromkeys(targets))


def _is_pingable(world: World, channel: Channel, role_id: str, can_ping_all: bool) -> bool:
    guild = world.guilds.get(channel.guild_id or "")
    role = guild.roles.get(role_id) if guild else None
    return role is not None and (can_ping_all or role.is_mentionable)


def _set_mentions(message: Message, targets: list[str]) -> None:
    message.mentions = [one.removeprefix("user:") for one in targets if one.startswith("user:")]
    message.mention_roles = [
        one.removeprefix("role:") for one in targets if one.startswith("role:")
    ]
    message.is_everyone = bool({"everyone", "here"} & set(targets))
