"""Routes of interactions: the first answer in 3 s, and more with the token for 15 minutes."""

from __future__ import annotations

from typing import Any

from tests.emulators.discord.api import NO_CONTENT, Answer, Ask
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import tell_message
from tests.emulators.discord.payloads import message_json
from tests.emulators.discord.posting import (
    delete_message,
    edit_message,
    forced_flags,
    kind_of,
    make_message,
)
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

ANSWER_S = 3.0
TOKEN_S = 15 * 60.0
#: Follow-ups where the bot is only because a person has added it to their account.
MAX_FOLLOWUPS = 5


def answer(ask: Ask) -> Answer:
    interaction = ask.world.interactions.get(ask.params["interaction"])
    now = ask.world.clock.monotonic()
    if interaction is None or interaction.token != ask.params["token"]:
        raise refused(10062)
    if interaction.answer_kind is not None:
        raise refused(40060)
    if now - interaction.created_at > ANSWER_S:
        raise refused(10062)
    kind, data = ask.form.get("type"), ask.form.get("data") or {}
    if kind not in _allowed_kinds(interaction):
        raise bad_field("type", "BASE_TYPE_CHOICES", "Value must be one of the allowed kinds.")
    message = _ANSWERS[kind](ask, interaction, data)
    interaction.answer_kind, interaction.responded_at = kind, now
    if "with_response" not in ask.query or ask.query["with_response"] in ("0", "false"):
        return NO_CONTENT
    return 200, _response(ask, interaction, message)


def _allowed_kinds(interaction: Interaction) -> set[int]:
    if interaction.kind == AUTOCOMPLETE:
        return {CHOICES}
    kinds = {MESSAGE, DEFER}
    if interaction.message_id:
        kinds.add(DEFER_UPDATE)
    return kinds if interaction.kind == MODAL_SUBMIT else kinds | {MODAL}


def _response(ask: Ask, interaction: Interaction, message: Message | None) -> dict[str, Any]:
    value: dict[str, Any] = {"id": interaction.interaction_id, "type": interaction.kind}
    answer: dict[str, Any] = {"interaction": value}
    if message is not None:
        value["response_message_id"] = message.message_id
        value["response_message_loading"] = message.is_loading
        value["response_message_ephemeral"] = message.is_ephemeral
        resource = {"type": interaction.answer_kind, "message": message_json(ask.world, message)}
        answer["resource"] = resource
    return answer


# --- kinds of answers


def _send(ask: Ask, interaction: Interaction, data: dict[str, Any]) -> Message:
    channel = ask.world.channels[interaction.channel_id]
    message = make_message(ask, channel, data, "response", interaction)
    interaction.original_id = message.message_id
    return message


def _defer(ask: Ask, interaction: Interaction, data: dict[str, Any]) -> Message:
    channel = ask.world.channels[interaction.channel_id]
    message = ask.world.add_message(
        channel,
        ask.world.bot.user_id,
        flags=LOADING | data.get("flags", 0) & EPHEMERAL | forced_flags(ask, interaction),
        interaction_id=interaction.interaction_id,
    )
    message.kind = kind_of(message, interaction)
    interaction.original_id = ask.call.message_id = message.message_id
    tell_message(ask.world, message)
    return message


def _defer_update(ask: Ask, interaction: Interaction, data: dict[str, Any]) -> None:
    interaction.original_id = interaction.message_id


def _choose(ask: Ask, interaction: Interaction, data: dict[str, Any]) -> None:
    choices = data.get("choices") or []
    if len(choices) > 25:
        raise bad_field("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for number, one in enumerate(choices):
        if not 1 <= len(one["name"]) <= 100 or not 1 <= len(str(one["value"])) <= 100:
            path = f"data.choices.{number}.name"
            raise bad_field(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    interaction.choices = choices


def _open_modal(ask: Ask, interaction: Interaction, data: dict[str, Any]) -> None:
    if not 1 <= len(data.get("title") or "") <= 45:
        raise bad_field("data.title", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45 in length.")
    if not 1 <= len(data.get("components") or []) <= 5:
        raise bad_field("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5.")
    interaction.modal = data


_ANSWERS: dict[int, Any] = {
    MESSAGE: _send, DEFER: _defer, DEFER_UPDATE: _defer_update, CHOICES: _choose,
    MODAL: _open_modal,
}  # fmt: skip


# --- with the token


def _interaction(ask: Ask) -> Interaction:
    """Return the interaction of the path's token. Raises ApiError 10015 or 50027."""
    token = ask.params["token"]
    found = next((one for one in ask.world.interactions.values() if one.token == token), None)
    if found is None or ask.params["application"] != ask.world.application_id:
        raise refused(10015)
    if ask.world.clock.monotonic() - found.created_at > TOKEN_S:
        raise refused(50027)
    if found.answer_kind is None:
        raise refused(10015)
    return found


def _message(ask: Ask, interaction: Interaction) -> Message:
    message_id = ask.params["message"]
    if message_id == "@original":
        message_id = interaction.original_id or ""
    elif message_id not in (*interaction.followups, interaction.original_id):
        raise refused(10008)
    message = ask.world.channels[interaction.channel_id].messages.get(message_id)
    if message is None or message.is_deleted:
        raise refused(10008)
    return message


def follow_up(ask: Ask) -> Answer:
    interaction = _interaction(ask)
    channel = ask.world.channels[interaction.channel_id]
    original = channel.messages.get(interaction.original_id or "")
    if original is not None and original.is_loading and not original.is_deleted:
        # The first one takes the place of "thinking", as secret as that was; nobody speaks first.
        assert not (ask.form.get("flags") or 0) & VOICE
        edit_message(ask, original, ask.form | {"flags": 0}, "followup")
        return 200, message_json(ask.world, original)
    if interaction.is_user_install and len(interaction.followups) >= MAX_FOLLOWUPS:
        raise refused(40094)
    message = make_message(ask, channel, ask.form, "followup", interaction)
    interaction.followups.append(message.message_id)
    return 200, message_json(ask.world, message)


def edit_answer(ask: Ask) -> Answer:
    message = _message(ask, _interaction(ask))
    edit_message(ask, message, ask.form, "edit")
    return 200, message_json(ask.world, message)


def delete_answer(ask: Ask) -> Answer:
    delete_message(ask, _message(ask, _interaction(ask)))
    return NO_CONTENT
