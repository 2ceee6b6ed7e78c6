"""Routes of channels: messages, typing, threads."""

from __future__ import annotations

from typing import Any

from tests.emulators.discord import permissions
from tests.emulators.discord.api import NO_CONTENT, Answer, Ask
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import seen_message, tell_channel
from tests.emulators.discord.payloads import channel_json
from tests.emulators.discord.posting import delete_message, edit_message, make_message
from tests.emulators.discord.records import FORUM, Channel, Message

#: For so long the same nonce gives the same message: "the past few minutes".
NONCE_S = 300.0


def get_channel(ask: Ask) -> Answer:
    return 200, channel_json(ask.world, open_channel(ask))


def edit_channel(ask: Ask) -> Answer:
    channel = open_channel(ask)
    if not channel.is_thread or channel.owner_id != ask.world.bot.user_id:
        ask.world.require(channel, "MANAGE_THREADS" if channel.is_thread else "MANAGE_CHANNELS")
    channel.name = ask.form.get("name") or channel.name
    channel.is_archived = ask.form.get("archived", channel.is_archived)
    channel.is_locked = ask.form.get("locked", channel.is_locked)
    tell_channel(ask.world, channel, "UPDATE")
    return 200, channel_json(ask.world, channel)


def open_channel(ask: Ask, *names: str) -> Channel:
    """Return the channel of the path if the bot may do this there. Raises ApiError."""
    channel = ask.world.find_channel(ask.params["channel"])
    ask.world.require(channel, *names)
    return channel


def _message(ask: Ask, channel: Channel) -> Message:
    return ask.world.find_message(channel, ask.params["message"])


def seen_by_bot(ask: Ask, message: Message) -> dict[str, Any]:
    """Return a message as REST tells it."""
    payload = seen_message(ask.world, message)
    payload.pop("member", None)
    return payload


# --- messages


def list_messages(ask: Ask) -> Answer:
    channel, limit = open_channel(ask), ask.number("limit", 50, 100)
    granted = ask.world.permissions_of(ask.world.bot.user_id, channel)
    if not permissions.has(granted, "READ_MESSAGE_HISTORY"):
        return 200, []
    there = [
        one for one in channel.messages.values() if not one.is_deleted and not one.is_ephemeral
    ]
    there.sort(key=lambda one: int(one.message_id), reverse=True)
    after = int(ask.query.get("after", 0))
    if after:
        there = [one for one in there if int(one.message_id) > after][-limit:]
    return 200, [seen_by_bot(ask, one) for one in there[:limit]]


def get_message(ask: Ask) -> Answer:
    channel = open_channel(ask, "READ_MESSAGE_HISTORY")
    return 200, seen_by_bot(ask, _message(ask, channel))


def send_message(ask: Ask) -> Answer:
    channel = open_channel(ask)
    _check_can_send(ask, channel)
    if known := _find_by_nonce(ask):
        ask.call.message_id = known.message_id
        return 200, seen_by_bot(ask, known)
    message = make_message(ask, channel, ask.form, "send")
    if message.nonce is not None:
        ask.api.nonces[message.nonce] = (message.message_id, ask.world.clock.monotonic())
    return 200, seen_by_bot(ask, message)


def _check_can_send(ask: Ask, channel: Channel) -> None:
    world = ask.world
    if channel.kind == FORUM:
        raise refused(50008)
    if channel.recipient_id and world.users[channel.recipient_id].is_closed:
        raise refused(50007)
    world.require(channel, "SEND_MESSAGES_IN_THREADS" if channel.is_thread else "SEND_MESSAGES")
    if ask.uploads or ask.form.get("attachments"):
        world.require(channel, "ATTACH_FILES")
    granted = world.permissions_of(world.bot.user_id, channel)
    is_free = permissions.has(granted, "MANAGE_THREADS")
    if channel.is_locked and not is_free:
        raise refused(50083 if channel.is_archived else 160005)
    if channel.is_archived:
        channel.is_archived = False
        tell_channel(world, channel, "UPDATE")


def _find_by_nonce(ask: Ask) -> Message | None:
    nonce = ask.form.get("nonce")
    if nonce is None or not ask.form.get("enforce_nonce"):
        return None
    message_id, sent_at = ask.api.nonces.get(str(nonce), ("", 0.0))
    if not message_id or ask.world.clock.monotonic() - sent_at > NONCE_S:
        return None
    return ask.world.any_message(message_id)


def patch_message(ask: Ask) -> Answer:
    channel = open_channel(ask)
    message = _message(ask, channel)
    if message.author_id != ask.world.bot.user_id:
        raise refused(50005)
    if channel.is_archived:
        raise refused(50083)
    edit_message(ask, message, ask.form, "edit")
    return 200, seen_by_bot(ask, message)


def remove_message(ask: Ask) -> Answer:
    channel = open_channel(ask)
    message = _message(ask, channel)
    if message.author_id != ask.world.bot.user_id:
        ask.world.require(channel, "MANAGE_MESSAGES")
    if channel.is_archived:
        raise refused(50083)
    delete_message(ask, message)
    return NO_CONTENT


def show_typing(ask: Ask) -> Answer:
    channel = open_channel(ask, "SEND_MESSAGES")
    channel.typing.append(ask.world.clock.now())
    return NO_CONTENT


# --- threads


def thread_from_message(ask: Ask) -> Answer:
    channel = open_channel(ask, "CREATE_PUBLIC_THREADS")
    message = _message(ask, channel)
    if channel.is_thread or channel.guild_id is None:
        raise refused(50008)
    if message.thread_id:
        raise refused(160004)
    name, me = ask.form.get("name") or "", ask.world.bot.user_id
    if not 1 <= len(name) <= 100:
        raise bad_field("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    thread = ask.world.add_thread(channel, me, name, thread_id=message.message_id)
    message.thread_id = thread.channel_id
    tell_channel(ask.world, thread, "CREATE")
    return 201, channel_json(ask.world, thread)
