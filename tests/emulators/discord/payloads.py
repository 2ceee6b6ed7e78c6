"""JSON objects of Discord's API: users, guilds, channels, files and messages."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from typing import Any

from tests.emulators.discord import permissions
from tests.emulators.discord.records import (
    DM,
    FORUM,
    STAGE,
    VOICE_CHANNEL,
    Channel,
    File,
    Guild,
    Member,
    Message,
    Role,
    User,
)
from tests.emulators.discord.world import World

JSON = dict[str, Any]


def moment(seconds: float) -> str:
    """Return Unix time as an ISO 8601 timestamp."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def user_json(user: User) -> JSON:
    """Return a User object."""
    value: JSON = {
        "id": user.user_id, "username": user.name.lower().replace(" ", "_"),
        "global_name": user.name, "discriminator": "0", "avatar": None, "public_flags": 0,
    }  # fmt: skip
    return value | ({"bot": True} if user.is_bot else {})


def role_json(role: Role, position: int) -> JSON:
    """Return a Role object."""
    return {
        "id": role.role_id, "name": role.name, "permissions": str(role.permissions),
        "position": position, "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False, "managed": False, "mentionable": role.is_mentionable, "flags": 0,
    }  # fmt: skip


def member_json(world: World, member: Member) -> JSON:
    """Return a Guild Member object with its user."""
    return {
        "user": user_json(world.users[member.user_id]), "nick": member.nick or None, "avatar": None,
        "roles": list(member.roles), "joined_at": moment(member.joined_at), "premium_since": None,
        "deaf": False, "mute": False, "pending": False, "flags": 0,
    }  # fmt: skip


def channel_json(world: World, channel: Channel) -> JSON:
    """Return a Channel object of any type."""
    last = {"last_message_id": channel.last_message_id}
    value: JSON = {"id": channel.channel_id, "type": channel.kind, "flags": 0, **last}
    if channel.kind == DM:
        return value | {"recipients": [user_json(world.users[channel.recipient_id])]}
    place = {"guild_id": channel.guild_id, "parent_id": channel.parent_id}
    value |= {**place, "name": channel.name, "rate_limit_per_user": 0}
    if channel.is_thread:
        return value | _thread_json(world, channel)
    value |= {"position": 0, "nsfw": False, "topic": None}
    value["permission_overwrites"] = [
        {"id": target, "type": int(target in world.users), "allow": str(allow), "deny": str(deny)}
        for target, (allow, deny) in channel.overwrites.items()
    ]
    if channel.kind in (VOICE_CHANNEL, STAGE):
        value |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    if channel.kind == FORUM:
        value |= {"available_tags": [], "default_reaction_emoji": None, "default_forum_layout": 0}
    return value


def _thread_json(world: World, channel: Channel) -> JSON:
    count = sum(not message.is_deleted for message in channel.messages.values())
    state = {"archived": channel.is_archived, "locked": channel.is_locked}
    times = {"archive_timestamp": moment(0), "create_timestamp": moment(0)}
    me, members = world.bot.user_id, channel.thread_members
    return {
        "owner_id": channel.owner_id, "message_count": count, "member_count": len(members),
        "total_message_sent": len(channel.messages), "applied_tags": [],
        "thread_metadata": {**state, **times, "auto_archive_duration": 1440},
        **({"member": thread_member_json(channel, me)} if me in members else {}),
    }  # fmt: skip


def thread_member_json(thread: Channel, user_id: str) -> JSON:
    """Return a Thread Member object."""
    ids = {"id": thread.channel_id, "user_id": user_id}
    return {**ids, "join_timestamp": moment(0), "flags": 0}


def guild_json(world: World, guild: Guild) -> JSON:
    """Return a Guild object as in GET /guilds."""
    return {
        "id": guild.guild_id, "name": guild.name, "owner_id": guild.owner_id, "icon": None,
        "splash": None, "banner": None, "description": None, "features": [], "emojis": [],
        "stickers": [],
        "roles": [role_json(role, place) for place, role in enumerate(guild.roles.values())],
        "afk_timeout": 300, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0, "premium_tier": 0,
        "preferred_locale": guild.locale, "system_channel_id": None,
    }  # fmt: skip


def guild_create_json(world: World, guild: Guild, *, has_members: bool) -> JSON:
    """Return the payload of GUILD_CREATE: the guild and all in it that the bot can view."""
    me = world.bot.user_id
    seen = [
        channel
        for channel in world.channels.values()
        if channel.guild_id == guild.guild_id
        and permissions.has(world.permissions_of(me, channel), "VIEW_CHANNEL")
    ]
    members = [one for one in guild.members.values() if has_members or one.user_id == me]
    threads = [one for one in seen if one.is_thread and not one.is_archived]
    return guild_json(world, guild) | {
        "joined_at": moment(0), "large": False, "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_json(world, member) for member in members],
        "channels": [channel_json(world, one) for one in seen if not one.is_thread],
        "threads": [channel_json(world, one) for one in threads],
        "voice_states": [voice_state_json(guild, user) for user in guild.voices], "presences": [],
        "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
    }  # fmt: skip


def voice_state_json(guild: Guild, user_id: str) -> JSON:
    """Return a Voice State object; there is one session per user and guild."""
    return {
        "channel_id": guild.voices.get(user_id), "user_id": user_id,
        "session_id": f"{user_id}{guild.guild_id}", "deaf": False, "mute": False,
        "self_deaf": False, "self_mute": False, "self_video": False,
        "suppress": user_id in guild.listeners, "request_to_speak_timestamp": None,
    }  # fmt: skip


def file_json(world: World, file: File, *, is_ephemeral: bool = False) -> JSON:
    """Return an Attachment object, with a URL that is valid for a day."""
    link = world.link(file)
    size = len(file.data) if file.claimed_bytes is None else file.claimed_bytes
    links = {"url": link, "proxy_url": link}
    value: JSON = {"id": file.file_id, "filename": file.name, "size": size, **links}
    if mime := file.mime or mimetypes.guess_type(file.name)[0]:
        value["content_type"] = mime
    if file.title:
        value["title"] = file.title
    if file.duration_s is not None:
        value["duration_secs"] = file.duration_s
    if file.waveform is not None:
        value["waveform"] = file.waveform
    return value | ({"ephemeral": True} if is_ephemeral else {})


def message_json(world: World, message: Message, *, has_reply: bool = True) -> JSON:
    """Return a Message object."""
    value: JSON = {
        "id": message.message_id, "channel_id": message.channel_id,
        "author": user_json(world.users[message.author_id]), "timestamp": moment(message.sent_at),
        "edited_timestamp": moment(message.edited_at) if message.edited_at else None, "tts": False,
        "pinned": False, "type": message.kind, "flags": message.flags,
        "mention_everyone": message.is_everyone,
        "mentions": [user_json(world.users[one]) for one in message.mentions],
        "mention_roles": list(message.mention_roles), **content_json(world, message),
    }  # fmt: skip
    if message.nonce is not None:
        value["nonce"] = message.nonce
    if message.webhook_id:
        value["webhook_id"] = message.webhook_id
    if message.interaction_id:
        value |= {"application_id": world.application_id, "webhook_id": world.application_id}
        value["interaction_metadata"] = _metadata(world, message.interaction_id)
    _add_reference(world, value, message, has_reply=has_reply)
    if message.thread_id:
        value["thread"] = channel_json(world, world.channels[message.thread_id])
    return value | message.extra


def content_json(world: World, message: Message) -> JSON:
    """Return the fields that need the MESSAGE_CONTENT intent."""
    files = [file_json(world, one, is_ephemeral=message.is_ephemeral) for one in message.files]
    parts = {"embeds": list(message.embeds), "components": list(message.components)}
    return {"content": message.content, "attachments": files, **parts}


def _add_reference(world: World, value: JSON, message: Message, *, has_reply: bool) -> None:
    channel = world.channels[message.channel_id]
    place = {"channel_id": message.channel_id}
    if channel.guild_id:
        place["guild_id"] = channel.guild_id
    if message.snapshots:
        [first] = message.snapshots
        origin = {"message_id": first.message_id, "channel_id": first.channel_id}
        value["message_reference"] = {"type": 1, **origin}
        value["message_snapshots"] = [{"message": _snapshot(world, first)}]
    if message.reply_to is None:
        return
    value["message_reference"] = {"type": 0, "message_id": message.reply_to, **place}
    if has_reply:
        found = channel.messages.get(message.reply_to)
        is_there = found and not found.is_deleted
        quoted = message_json(world, found, has_reply=False) if found and is_there else None
        value["referenced_message"] = quoted


def _snapshot(world: World, message: Message) -> JSON:
    """Return a message snapshot, which has no author."""
    whole = message_json(world, message, has_reply=False)
    names = (
        "type content embeds attachments components timestamp edited_timestamp flags mentions "
        "mention_roles"
    )
    return {name: whole[name] for name in names.split()}


def _metadata(world: World, interaction_id: str) -> JSON:
    interaction = world.interactions[interaction_id]
    user = user_json(world.users[interaction.user_id])
    known = {"id": interaction_id, "type": interaction.kind, "user": user}
    return known | {"authorizing_integration_owners": {}}
