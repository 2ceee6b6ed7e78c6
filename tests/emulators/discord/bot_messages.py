"""Messages of the bot: create, edit and delete, in channels and as interaction responses."""

from __future__ import annotations

from typing import Any

from tests.emulators.discord import permissions
from tests.emulators.discord.api import ApiRequest, Upload, file_fields
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import emit_deletion, emit_message
from tests.emulators.discord.mentions import record_pings
from tests.emulators.discord.message_checks import check_body, check_not_empty, check_voice
from tests.emulators.discord.records import (
    COMMAND,
    EPHEMERAL,
    LOADING,
    VOICE,
    Channel,
    File,
    Interaction,
    Message,
)
from tests.emulators.discord.world import MAX_FILE_BYTES


def create_message(
    request: ApiRequest,
    channel: Channel,
    body: dict[str, Any],
    by: str,
    interaction: Interaction | None = None,
) -> Message:
    """Validate and send a message of the bot. by: as in `Ping.by`. Raises ApiError."""
    files = _check(request, channel, body, interaction)
    nonce = body.get("nonce")
    message = request.world.add_message(
        channel,
        request.world.bot.user_id,
        body.get("content") or "",
        flags=(body.get("flags") or 0) | forced_flags(request, interaction),
        files=files,
        embeds=body.get("embeds") or [],
        components=body.get("components") or [],
        nonce=None if nonce is None else str(nonce),
        interaction_id=interaction.interaction_id if interaction else None,
        reply_to=None if interaction else _find_quoted(request, channel, body),
    )
    message.kind = message_type(message, interaction)
    publish(request, message, body, by)
    return message


def _check(
    request: ApiRequest, channel: Channel, body: dict[str, Any], interaction: Interaction | None
) -> list[File]:
    """Validate a new message and return its files. Raises ApiError."""
    check_body(body)
    files = store_uploads(request, channel, body)
    if (body.get("flags") or 0) & VOICE:
        check_voice(body, files)
        _require_voice(request, channel, interaction)
    check_not_empty(body, files)
    return files


def forced_flags(request: ApiRequest, interaction: Interaction | None) -> int:
    """Return EPHEMERAL for a user install without USE_EXTERNAL_APPS, else 0."""
    if interaction is None or not interaction.is_user_install or not interaction.guild_id:
        return 0
    channel = request.world.channels[interaction.channel_id]
    granted = request.world.permissions_of(interaction.user_id, channel)
    return 0 if permissions.has(granted, "USE_EXTERNAL_APPS") else EPHEMERAL


def message_type(message: Message, interaction: Interaction | None) -> int:
    """Return the message type."""
    if interaction is None:
        return 19 if message.reply_to else 0
    return {COMMAND: 20 if interaction.data.get("type") == 1 else 23}.get(interaction.kind, 0)


def publish(request: ApiRequest, message: Message, body: dict[str, Any], by: str) -> None:
    """Record the pings of a new message and emit MESSAGE_CREATE."""
    record_pings(request.world, message, body.get("allowed_mentions"), by)
    request.recorded.message_id = message.message_id
    emit_message(request.world, message)


def _require_voice(request: ApiRequest, channel: Channel, interaction: Interaction | None) -> None:
    user_id = request.world.bot.user_id
    if interaction and interaction.is_user_install:
        user_id = interaction.user_id
    granted = request.world.permissions_of(user_id, channel)
    if not permissions.has(granted, "SEND_VOICE_MESSAGES"):
        raise refused(50173)


def _find_quoted(request: ApiRequest, channel: Channel, body: dict[str, Any]) -> str | None:
    reference = body.get("message_reference")
    if not reference or reference.get("type", 0) != 0:
        return None
    granted = request.world.permissions_of(request.world.bot.user_id, channel)
    if not permissions.has(granted, "READ_MESSAGE_HISTORY"):
        raise refused(160002)
    quoted = channel.messages.get(str(reference.get("message_id")))
    if quoted is None or quoted.is_deleted or quoted.is_ephemeral:
        if reference.get("fail_if_not_exists", True):
            raise bad_field("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return None
    return quoted.message_id


def store_uploads(request: ApiRequest, channel: Channel, body: dict[str, Any]) -> list[File]:
    """Store and return the files uploaded with a request."""
    entries = {str(one.get("id")): one for one in body.get("attachments") or []}
    files = [
        _store_upload(request, channel, entries.pop(number, {}), upload)
        for number, upload in sorted(request.uploads.items(), key=lambda one: int(one[0]))
    ]
    for number in entries:
        if number not in request.world.files:
            path = f"attachments.{number}"
            raise bad_field(path, "ATTACHMENT_NOT_FOUND", f"Attachment data not found: {number}")
    if len(files) > 10:
        raise bad_field("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    return files


def _store_upload(
    request: ApiRequest, channel: Channel, entry: dict[str, Any], upload: Upload
) -> File:
    if len(upload.data) > MAX_FILE_BYTES:
        raise refused(40005)
    name = entry.get("filename") or upload.name
    return request.world.add_file(channel.channel_id, name, upload.data, **file_fields(entry))


def edit_message(request: ApiRequest, message: Message, body: dict[str, Any], by: str) -> None:
    """Validate and edit a message of the bot. Raises ApiError."""
    check_body({"flags": message.flags & ~LOADING & ~VOICE} | body)
    if message.is_voice:
        raise refused(50162)
    channel = request.world.channels[message.channel_id]
    if "attachments" in body or request.uploads:
        kept = {str(one.get("id")) for one in body.get("attachments") or []}
        new = store_uploads(request, channel, body)
        message.files = [file for file in message.files if file.file_id in kept] + new
    after = {
        "content": body.get("content", message.content),
        "embeds": body.get("embeds", message.embeds),
        "components": body.get("components", message.components),
    }
    check_not_empty(after, message.files)
    message.content = after["content"] or ""
    message.embeds = after["embeds"] or []
    message.components = after["components"] or []
    message.versions.append(message.content)
    if not message.is_loading:
        message.edited_at = request.world.clock.now()
    message.flags &= ~LOADING
    record_pings(request.world, message, body.get("allowed_mentions"), by)
    request.recorded.message_id = message.message_id
    emit_message(request.world, message, "MESSAGE_UPDATE")


def delete_message(request: ApiRequest, message: Message) -> None:
    """Delete a message and emit MESSAGE_DELETE."""
    message.is_deleted = True
    request.recorded.message_id = message.message_id
    if not message.is_ephemeral:
        emit_deletion(request.world, message)
