"""Channel endpoints: messages, typing indicator, threads."""

from __future__ import annotations

from typing import Any

from tests.emulators.discord import permissions
from tests.emulators.discord.api import NO_CONTENT, ApiRequest, ApiResponse
from tests.emulators.discord.bot_messages import create_message, delete_message, edit_message
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import emit_channel, message_event_json
from tests.emulators.discord.payloads import channel_json, thread_member_json
from tests.emulators.discord.records import FORUM, Channel, Message

#: How long `enforce_nonce` returns the earlier message: "the past few minutes".
NONCE_S = 300.0


def get_channel(request: ApiRequest) -> ApiResponse:
    return 200, channel_json(request.world, open_channel(request))


def edit_channel(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request)
    # Source: Discord, "Channels", Modify Channel: unarchiving needs only to send messages.
    is_opened = request.form == {"archived": False} and not channel.is_locked
    if channel.is_thread and is_opened:
        request.world.require(channel, "SEND_MESSAGES_IN_THREADS")
    elif not channel.is_thread or channel.owner_id != request.world.bot.user_id:
        request.world.require(channel, "MANAGE_THREADS" if channel.is_thread else "MANAGE_CHANNELS")
    channel.name = request.form.get("name") or channel.name
    channel.is_archived = request.form.get("archived", channel.is_archived)
    channel.is_locked = request.form.get("locked", channel.is_locked)
    emit_channel(request.world, channel, "UPDATE")
    return 200, channel_json(request.world, channel)


def open_channel(request: ApiRequest, *names: str) -> Channel:
    """Return the channel in the path. Raises ApiError if the bot lacks one of these permissions."""
    channel = request.world.find_channel(request.params["channel"])
    request.world.require(channel, *names)
    return channel


def _message(request: ApiRequest, channel: Channel) -> Message:
    return request.world.find_message(channel, request.params["message"])


def message_rest_json(request: ApiRequest, message: Message) -> dict[str, Any]:
    """Return a message as in REST responses, which have no `member`."""
    payload = message_event_json(request.world, message)
    payload.pop("member", None)
    return payload


# --- messages


def list_messages(request: ApiRequest) -> ApiResponse:
    channel, limit = open_channel(request), request.number("limit", 50, 100)
    granted = request.world.permissions_of(request.world.bot.user_id, channel)
    if not permissions.has(granted, "READ_MESSAGE_HISTORY"):
        return 200, []
    there = [
        one for one in channel.messages.values() if not one.is_deleted and not one.is_ephemeral
    ]
    there.sort(key=lambda one: int(one.message_id), reverse=True)
    after = int(request.query.get("after", 0))
    if after:
        there = [one for one in there if int(one.message_id) > after][-limit:]
    return 200, [message_rest_json(request, one) for one in there[:limit]]


def get_message(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request, "READ_MESSAGE_HISTORY")
    return 200, message_rest_json(request, _message(request, channel))


def send_message(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request)
    _check_can_send(request, channel)
    if known := _find_by_nonce(request):
        request.recorded.message_id = known.message_id
        return 200, message_rest_json(request, known)
    message = create_message(request, channel, request.form, "send")
    if message.nonce is not None:
        request.api.nonces[message.nonce] = (message.message_id, request.world.clock.monotonic())
    return 200, message_rest_json(request, message)


def _check_can_send(request: ApiRequest, channel: Channel) -> None:
    world = request.world
    if channel.kind == FORUM:
        raise refused(50008)
    if channel.recipient_id and world.users[channel.recipient_id].is_closed:
        raise refused(50007)
    world.require(channel, "SEND_MESSAGES_IN_THREADS" if channel.is_thread else "SEND_MESSAGES")
    if request.uploads or request.form.get("attachments"):
        world.require(channel, "ATTACH_FILES")
    granted = world.permissions_of(world.bot.user_id, channel)
    is_free = permissions.has(granted, "MANAGE_THREADS")
    if channel.is_locked and not is_free:
        raise refused(50083 if channel.is_archived else 160005)
    if channel.is_archived:
        channel.is_archived = False
        emit_channel(world, channel, "UPDATE")


def _find_by_nonce(request: ApiRequest) -> Message | None:
    nonce = request.form.get("nonce")
    if nonce is None or not request.form.get("enforce_nonce"):
        return None
    message_id, sent_at = request.api.nonces.get(str(nonce), ("", 0.0))
    if not message_id or request.world.clock.monotonic() - sent_at > NONCE_S:
        return None
    return request.world.any_message(message_id)


def patch_message(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request)
    message = _message(request, channel)
    if message.author_id != request.world.bot.user_id:
        raise refused(50005)
    if channel.is_archived:
        raise refused(50083)
    edit_message(request, message, request.form, "edit")
    return 200, message_rest_json(request, message)


def remove_message(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request)
    message = _message(request, channel)
    if message.author_id != request.world.bot.user_id:
        request.world.require(channel, "MANAGE_MESSAGES")
    if channel.is_archived:
        raise refused(50083)
    delete_message(request, message)
    return NO_CONTENT


def show_typing(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request, "SEND_MESSAGES")
    channel.typing.append(request.world.clock.now())
    return NO_CONTENT


# --- threads


def thread_from_message(request: ApiRequest) -> ApiResponse:
    channel = open_channel(request, "CREATE_PUBLIC_THREADS")
    message = _message(request, channel)
    if channel.is_thread or channel.guild_id is None:
        raise refused(50008)
    if message.thread_id:
        raise refused(160004)
    name, me = request.form.get("name") or "", request.world.bot.user_id
    if not 1 <= len(name) <= 100:
        raise bad_field("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    thread = request.world.add_thread(channel, me, name, thread_id=message.message_id)
    message.thread_id = thread.channel_id
    emit_channel(request.world, thread, "CREATE")
    return 201, channel_json(request.world, thread)


def get_thread_member(request: ApiRequest) -> ApiResponse:
    thread, user = open_channel(request), request.params["user"]
    if user not in thread.thread_members:
        raise refused(10007)
    return 200, thread_member_json(thread, user)
