"""Gateway events: their payloads, and the intents that receive them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.emulators.discord import permissions
from tests.emulators.discord.payloads import (
    JSON,
    channel_json,
    member_json,
    message_json,
    thread_member_json,
    voice_state_json,
)
from tests.emulators.discord.records import Channel, Guild, Message
from tests.emulators.discord.world import World

GUILDS, GUILD_MEMBERS, GUILD_MODERATION, PRESENCES = 1 << 0, 1 << 1, 1 << 2, 1 << 8
GUILD_VOICE_STATES, GUILD_MESSAGES, GUILD_REACTIONS = 1 << 7, 1 << 9, 1 << 10
DIRECT_MESSAGES, DIRECT_REACTIONS = 1 << 12, 1 << 13
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = {
    "GUILD_MEMBERS": GUILD_MEMBERS,
    "PRESENCES": PRESENCES,
    "MESSAGE_CONTENT": MESSAGE_CONTENT,
}


def emit_message(world: World, message: Message, name: str = "MESSAGE_CREATE") -> None:
    """Emit MESSAGE_CREATE or another event with a whole message."""
    channel = world.channels[message.channel_id]
    if message.is_ephemeral or not is_visible(world, channel):
        return
    payload = message_event_json(world, message)
    if channel.guild_id is None:
        world.emit(name, payload, intent=DIRECT_MESSAGES)
        return
    me = world.bot.user_id
    is_open = message.author_id == me or me in message.mentions
    world.emit(
        name, payload, guild_id=channel.guild_id, intent=GUILD_MESSAGES, is_content=not is_open
    )


def message_event_json(world: World, message: Message) -> JSON:
    """Return a message as in events, with `guild_id` and `member`."""
    channel = world.channels[message.channel_id]
    payload = message_json(world, message)
    if channel.guild_id is None:
        return payload
    payload["guild_id"] = channel.guild_id
    member = world.guilds[channel.guild_id].members.get(message.author_id)
    if member is not None and not message.webhook_id:
        payload["member"] = member_json(world, member)
        del payload["member"]["user"]
    return payload


def without_content(payload: JSON) -> JSON:
    """Return a message as bots without the MESSAGE_CONTENT intent receive it."""
    bare = {"content": "", "attachments": [], "embeds": [], "components": []}
    return payload | bare | {"message_snapshots": [], "referenced_message": None}


def emit_deletion(world: World, message: Message) -> None:
    """Emit MESSAGE_DELETE."""
    channel = world.channels[message.channel_id]
    payload: JSON = {"id": message.message_id, "channel_id": channel.channel_id}
    if not is_visible(world, channel):
        return
    if channel.guild_id is None:
        world.emit("MESSAGE_DELETE", payload, intent=DIRECT_MESSAGES)
    else:
        payload["guild_id"] = channel.guild_id
        world.emit("MESSAGE_DELETE", payload, guild_id=channel.guild_id, intent=GUILD_MESSAGES)


def emit_channel(world: World, channel: Channel, change: str) -> None:
    """Emit a CHANNEL_ or THREAD_ event; change: CREATE, UPDATE or DELETE."""
    if channel.guild_id is None or (change != "DELETE" and not is_visible(world, channel)):
        return
    kind = "THREAD" if channel.is_thread else "CHANNEL"
    payload = channel_json(world, channel)
    if channel.is_thread and change == "CREATE":
        payload["newly_created"] = True
    world.emit(f"{kind}_{change}", payload, guild_id=channel.guild_id, intent=GUILDS)


def emit_thread_members(
    world: World, thread: Channel, added: Sequence[str] = (), removed: Sequence[str] = ()
) -> None:
    """Emit THREAD_MEMBERS_UPDATE: without GUILD_MEMBERS, bots learn of themselves only.

    Source: Discord, "Threads", Thread Membership and Thread Access.
    """
    me, guild_id = world.bot.user_id, thread.guild_id
    if me in added:
        world.emit("THREAD_CREATE", channel_json(world, thread), guild_id=guild_id, intent=GUILDS)
    payload = {
        "id": thread.channel_id, "guild_id": guild_id, "member_count": len(thread.thread_members),
        "added_members": [thread_member_json(thread, one) for one in added],
        "removed_member_ids": list(removed),
    }  # fmt: skip
    intent = GUILDS if me in (*added, *removed) else GUILD_MEMBERS
    world.emit("THREAD_MEMBERS_UPDATE", payload, guild_id=guild_id, intent=intent)


def emit_voice_state(world: World, guild: Guild, user_id: str) -> None:
    """Emit VOICE_STATE_UPDATE for a guild member."""
    payload = voice_state_json(guild, user_id) | {"guild_id": guild.guild_id}
    payload["member"] = member_json(world, guild.members[user_id])
    world.emit("VOICE_STATE_UPDATE", payload, guild_id=guild.guild_id, intent=GUILD_VOICE_STATES)


def is_visible(world: World, channel: Channel) -> bool:
    """Return whether the bot can view a channel."""
    return permissions.has(world.permissions_of(world.bot.user_id, channel), "VIEW_CHANNEL")
