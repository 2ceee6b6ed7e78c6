"""Interaction endpoints: a response within 3 s, followups and edits for 15 minutes."""

from __future__ import annotations

from typing import Any

from tests.emulators.discord.api import NO_CONTENT, ApiRequest, ApiResponse
from tests.emulators.discord.bot_messages import (
    create_message,
    delete_message,
    edit_message,
    forced_flags,
    message_type,
)
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import emit_message
from tests.emulators.discord.payloads import message_json
from tests.emulators.discord.records import (
    AUTOCOMPLETE,
    CHOICES,
    DEFER,
    DEFER_UPDATE,
    EPHEMERAL,
    LOADING,
    MESSAGE,
    MODAL,
    MODAL_SUBMIT,
    VOICE,
    Interaction,
    Message,
)

RESPONSE_DEADLINE_S = 3.0
TOKEN_LIFETIME_S = 15 * 60.0
#: Followup messages for user installs where the bot itself is not a member.
MAX_FOLLOWUPS = 5


def create_response(request: ApiRequest) -> ApiResponse:
    interaction = request.world.interactions.get(request.params["interaction"])
    if interaction is None or interaction.token != request.params["token"]:
        raise refused(10062)
    message = respond(request, interaction)
    if "with_response" not in request.query or request.query["with_response"] in ("0", "false"):
        return NO_CONTENT
    return 200, _response(request, interaction, message)


def respond(request: ApiRequest, interaction: Interaction) -> Message | None:
    """Carry out a first response, however it was sent; return its message. Raises ApiError."""
    now = request.world.clock.monotonic()
    if interaction.response_type is not None:
        raise refused(40060)
    if now - interaction.created_at > RESPONSE_DEADLINE_S:
        raise refused(10062)
    kind, data = request.form.get("type"), request.form.get("data") or {}
    if kind not in _allowed_kinds(interaction):
        raise bad_field("type", "BASE_TYPE_CHOICES", "Value must be one of the allowed kinds.")
    message: Message | None = _CALLBACKS[kind](request, interaction, data)
    interaction.response_type, interaction.responded_at = kind, now
    return message


def _allowed_kinds(interaction: Interaction) -> set[int]:
    if interaction.kind == AUTOCOMPLETE:
        return {CHOICES}
    kinds = {MESSAGE, DEFER}
    if interaction.message_id or interaction.kind == MODAL_SUBMIT:
        kinds.add(DEFER_UPDATE)
    return kinds if interaction.kind == MODAL_SUBMIT else kinds | {MODAL}


def _response(
    request: ApiRequest, interaction: Interaction, message: Message | None
) -> dict[str, Any]:
    value: dict[str, Any] = {"id": interaction.interaction_id, "type": interaction.kind}
    answer: dict[str, Any] = {"interaction": value}
    if message is not None:
        value["response_message_id"] = message.message_id
        value["response_message_loading"] = message.is_loading
        value["response_message_ephemeral"] = message.is_ephemeral
        resource = {
            "type": interaction.response_type,
            "message": message_json(request.world, message),
        }
        answer["resource"] = resource
    return answer


# --- interaction callback types


def _send(request: ApiRequest, interaction: Interaction, data: dict[str, Any]) -> Message:
    channel = request.world.channels[interaction.channel_id]
    message = create_message(request, channel, data, "response", interaction)
    interaction.original_id = message.message_id
    return message


def _defer(request: ApiRequest, interaction: Interaction, data: dict[str, Any]) -> Message:
    channel = request.world.channels[interaction.channel_id]
    message = request.world.add_message(
        channel,
        request.world.bot.user_id,
        flags=LOADING | data.get("flags", 0) & EPHEMERAL | forced_flags(request, interaction),
        interaction_id=interaction.interaction_id,
    )
    message.kind = message_type(message, interaction)
    interaction.original_id = request.recorded.message_id = message.message_id
    emit_message(request.world, message)
    return message


def _defer_update(request: ApiRequest, interaction: Interaction, data: dict[str, Any]) -> None:
    interaction.original_id = interaction.message_id


def _choose(request: ApiRequest, interaction: Interaction, data: dict[str, Any]) -> None:
    choices = data.get("choices") or []
    if len(choices) > 25:
        raise bad_field("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for number, one in enumerate(choices):
        if not 1 <= len(one["name"]) <= 100 or not 1 <= len(str(one["value"])) <= 100:
            path = f"data.choices.{number}.name"
            raise bad_field(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    interaction.choices = choices


def _open_modal(request: ApiRequest, interaction: Interaction, data: dict[str, Any]) -> None:
    if not 1 <= len(data.get("title") or "") <= 45:
        raise bad_field("data.title", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45 in length.")
    if not 1 <= len(data.get("components") or []) <= 5:
        raise bad_field("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5.")
    interaction.modal = data


_CALLBACKS: dict[int, Any] = {
    MESSAGE: _send, DEFER: _defer, DEFER_UPDATE: _defer_update, CHOICES: _choose,
    MODAL: _open_modal,
}  # fmt: skip


# --- endpoints with the interaction token


def _interaction(request: ApiRequest) -> Interaction:
    """Return the interaction of the token in the path. Raises ApiError 10015 or 50027."""
    token = request.params["token"]
    found = next((one for one in request.world.interactions.values() if one.token == token), None)
    if found is None or request.params["application"] != request.world.application_id:
        raise refused(10015)
    if request.world.clock.monotonic() - found.created_at > TOKEN_LIFETIME_S:
        raise refused(50027)
    if found.response_type is None:
        raise refused(10015)
    return found


def _message(request: ApiRequest, interaction: Interaction) -> Message:
    message_id = request.params["message"]
    if message_id == "@original":
        message_id = interaction.original_id or ""
    elif message_id not in (*interaction.followups, interaction.original_id):
        raise refused(10008)
    message = request.world.channels[interaction.channel_id].messages.get(message_id)
    if message is None or message.is_deleted:
        raise refused(10008)
    return message


def create_followup(request: ApiRequest) -> ApiResponse:
    interaction = _interaction(request)
    channel = request.world.channels[interaction.channel_id]
    original = channel.messages.get(interaction.original_id or "")
    if original is not None and original.is_loading and not original.is_deleted:
        # The first followup replaces the loading message and keeps its flags.
        assert not (request.form.get("flags") or 0) & VOICE
        edit_message(request, original, request.form | {"flags": 0}, "followup")
        return 200, message_json(request.world, original)
    if interaction.is_user_install and len(interaction.followups) >= MAX_FOLLOWUPS:
        raise refused(40094)
    message = create_message(request, channel, request.form, "followup", interaction)
    interaction.followups.append(message.message_id)
    return 200, message_json(request.world, message)


def edit_response(request: ApiRequest) -> ApiResponse:
    message = _message(request, _interaction(request))
    edit_message(request, message, request.form, "edit")
    return 200, message_json(request.world, message)


def delete_response(request: ApiRequest) -> ApiResponse:
    delete_message(request, _message(request, _interaction(request)))
    return NO_CONTENT
