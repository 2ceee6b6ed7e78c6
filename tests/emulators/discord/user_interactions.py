"""Interactions of users: slash commands, autocomplete, context menus, buttons and modals."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from tests.emulators.common import locked
from tests.emulators.discord import permissions
from tests.emulators.discord.events import message_event_json
from tests.emulators.discord.interactions import GUILD, command_data, context_of, interaction_json
from tests.emulators.discord.payloads import JSON
from tests.emulators.discord.records import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Channel,
    Interaction,
    Message,
)
from tests.emulators.discord.user_messages import UserMessages

BUTTON = 2


class UserInteractions(UserMessages):
    """Create interactions as a user; each method returns the interaction's id.

    Raises PermissionError for what Discord does not show the user, ValueError or LookupError for
    what the message or the command does not have.
    """

    @locked
    def slash(
        self,
        channel: str,
        user: str,
        name: str,
        options: dict[str, Any] | None = None,
        *,
        attachments: dict[str, tuple[str, bytes]] | None = None,
        is_forced: bool = False,
    ) -> str:
        """Use a slash command. attachments: option -> file name and bytes.

        is_forced: ignore the command's default permissions, as a guild's settings may do.
        """
        command = self._find_command(channel, user, name, 1, is_forced)
        values = dict(options or {})
        for option, (file_name, content) in (attachments or {}).items():
            values[option] = self.world.add_file(channel, file_name, content).file_id
        data = command_data(self.world, command, values)
        return self._create_interaction(COMMAND, channel, user, data)

    @locked
    def autocomplete(
        self,
        channel: str,
        user: str,
        name: str,
        option: str,
        typed: str = "",
        options: dict[str, Any] | None = None,
    ) -> str:
        """Type into an option with autocomplete; the choices are `interaction(id).choices`."""
        command = self._find_command(channel, user, name, 1, False)
        fields = [one | {"required": False, "choices": []} for one in command.get("options") or []]
        values = {**(options or {}), option: typed}
        data = command_data(self.world, {**command, "options": fields}, values)
        next(one for one in data["options"] if one["name"] == option)["focused"] = True
        return self._create_interaction(AUTOCOMPLETE, channel, user, data)

    @locked
    def context_menu(self, message: str, user: str, name: str, *, is_forced: bool = False) -> str:
        """Use a message command from the context menu of a message."""
        target = self.world.any_message(message)
        command = self._find_command(target.channel_id, user, name, 3, is_forced)
        shown = {"messages": {message: message_event_json(self.world, target)}}
        known = {"id": command["id"], "name": command["name"], "type": 3}
        data = {**known, "target_id": message, "resolved": shown}
        return self._create_interaction(COMMAND, target.channel_id, user, data)

    def _find_command(self, channel: str, user: str, name: str, kind: int, is_forced: bool) -> JSON:
        place = self.world.channels[channel]
        for command in self.world.commands.values():
            if command["name"] == name and command["type"] == kind:
                if not is_forced and not self._is_shown(command, place, user):
                    raise PermissionError(f"{user} is not shown {name} in {channel}")
                return command
        raise LookupError(
            f"no command {name}: {[one['name'] for one in self.world.commands.values()]}"
        )

    def _is_shown(self, command: JSON, place: Channel, user: str) -> bool:
        context, granted = context_of(place), self.world.permissions_of(user, place)
        contexts = command["contexts"]
        if contexts is not None and context not in contexts:
            return False
        if context != GUILD and contexts is None and not command["dm_permission"]:
            return False
        installs = {1} if self.world.users[user].has_app else set()
        if not self._is_foreign(place):
            installs.add(0)
        needed = int(command["default_member_permissions"] or 0)
        if context == GUILD:
            if not permissions.has(granted, "USE_APPLICATION_COMMANDS"):
                return False
            if (place.guild_id, command["name"], user) in self.world.command_grants:
                needed = 0
            is_nobody = command["default_member_permissions"] == "0"
            if (is_nobody and granted != permissions.ALL) or granted & needed != needed:
                return False
        return bool(granted and installs & set(command["integration_types"]))

    def _is_foreign(self, place: Channel) -> bool:
        """Return whether the bot is not a member, so that only user installs can use it."""
        if place.guild_id is None:
            return bool(place.owner_id)
        return self.world.bot.user_id not in self.world.guilds[place.guild_id].members

    # --- components

    @locked
    def press(
        self,
        message: str,
        user: str,
        custom_id: str = "",
        *,
        label: str = "",
        is_forged: bool = False,
    ) -> str:
        """Press a button, given by its custom id or its label.

        is_forged: accept a custom id that the message does not have, or a message that is hidden
        from the user, as a modified client could send.
        """
        found = self.world.any_message(message)
        if not is_forged:
            part = self._find_component(found, user, custom_id, label)
            if part["type"] != BUTTON or "custom_id" not in part:
                raise ValueError(f"{part} is no button of the bot")
            custom_id = part["custom_id"]
        data = {"custom_id": custom_id, "component_type": BUTTON}
        return self._create_interaction(COMPONENT, found.channel_id, user, data, message)

    def _find_component(self, message: Message, user: str, custom_id: str, label: str) -> JSON:
        self._check_visible(message, user)
        for part in message.parts:
            is_it = part.get("custom_id") == custom_id if custom_id else part.get("label") == label
            if is_it:
                if part.get("disabled"):
                    raise ValueError(f"{custom_id or label} is disabled")
                return part
        raise ValueError(f"no {custom_id or label} in {message.parts}")

    def _check_visible(self, message: Message, user: str) -> None:
        place = self.world.channels[message.channel_id]
        asker = self.world.interactions.get(message.interaction_id or "")
        is_secret = message.is_ephemeral and (asker is None or asker.user_id != user)
        if message.is_deleted or is_secret or not self.world.permissions_of(user, place):
            raise PermissionError(f"{user} does not see {message.message_id}")

    @locked
    def submit(self, interaction: str, user: str, values: dict[str, str]) -> str:
        """Submit the modal that an interaction opened. values: custom id -> text."""
        opener = self.world.interactions[interaction]
        if opener.modal is None or opener.user_id != user:
            raise ValueError("no modal is open")
        rows = [_fill_modal_row(row, values) for row in opener.modal["components"]]
        data = {"custom_id": opener.modal["custom_id"], "components": rows}
        return self._create_interaction(
            MODAL_SUBMIT, opener.channel_id, user, data, opener.message_id
        )

    def _create_interaction(
        self, kind: int, channel: str, user: str, data: JSON, message: str | None = None
    ) -> str:
        place = self.world.channels[channel]
        who = (self.world.snowflake(), make_token(), kind, user, channel, place.guild_id)
        now, is_foreign = self.world.clock.monotonic(), self._is_foreign(place)
        interaction = Interaction(*who, now, data, message, is_user_install=is_foreign)
        self.world.interactions[interaction.interaction_id] = interaction
        payload = interaction_json(self.world, interaction)
        if self.world.endpoint_url:
            self.world.push(interaction, payload)
        else:
            self.world.emit("INTERACTION_CREATE", payload, guild_id=place.guild_id)
        return interaction.interaction_id


def make_token() -> str:
    """Return an interaction token in Discord's format."""
    raw = f"interaction:{secrets.randbelow(1 << 63)}:{secrets.token_urlsafe(72)}"
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _fill_modal_row(row: JSON, values: dict[str, str]) -> JSON:
    """Return an action row of a modal with the submitted values."""
    parts = []
    for part in row["components"]:
        text = values.get(part["custom_id"], part.get("value") or "")
        if part.get("required", True) and not text:
            raise ValueError(f"{part['custom_id']} is required")
        parts.append({"type": part["type"], "custom_id": part["custom_id"], "value": text})
    return {"type": row["type"], "components": parts}
