"""Interaction payloads: Interaction objects and the options of slash commands."""

from __future__ import annotations

from typing import Any

from tests.emulators.discord.events import message_event_json
from tests.emulators.discord.payloads import JSON, channel_json, file_json, member_json, user_json
from tests.emulators.discord.records import DM, Channel, Interaction
from tests.emulators.discord.world import MAX_FILE_BYTES, World

ATTACHMENT = 11
GUILD, BOT_DM, PRIVATE_CHANNEL = 0, 1, 2


def context_of(channel: Channel) -> int:
    """Return the interaction context type of a channel."""
    if channel.kind != DM:
        return GUILD
    return PRIVATE_CHANNEL if channel.owner_id else BOT_DM


def interaction_json(world: World, interaction: Interaction) -> JSON:
    """Return the Interaction object of INTERACTION_CREATE."""
    channel = world.channels[interaction.channel_id]
    user = world.users[interaction.user_id]
    granted = world.permissions_of(user.user_id, channel)
    app_granted = world.permissions_of(world.bot.user_id, channel)
    value: JSON = {
        "id": interaction.interaction_id, "application_id": world.application_id,
        "type": interaction.kind, "token": interaction.token, "version": 1,
        "data": interaction.data, "channel_id": channel.channel_id,
        "channel": channel_json(world, channel) | {"permissions": str(granted)},
        "app_permissions": str(app_granted or granted), "locale": user.locale,
        "context": context_of(channel),
        "authorizing_integration_owners": _owners(world, interaction),
        "attachment_size_limit": MAX_FILE_BYTES, "entitlements": [], "entitlement_sku_ids": [],
    }  # fmt: skip
    if interaction.message_id:
        value["message"] = message_event_json(world, world.any_message(interaction.message_id))
    return value | _asker_json(world, interaction)


def _asker_json(world: World, interaction: Interaction) -> JSON:
    """Return the user of an interaction, in a guild the member with permissions."""
    if interaction.guild_id is None:
        return {"user": user_json(world.users[interaction.user_id])}
    channel = world.channels[interaction.channel_id]
    guild = world.guilds[interaction.guild_id]
    member = member_json(world, guild.members[interaction.user_id])
    granted = world.permissions_of(interaction.user_id, channel)
    return {
        "member": member | {"permissions": str(granted)},
        "guild_id": guild.guild_id,
        "guild_locale": guild.locale,
        "guild": {"id": guild.guild_id, "locale": guild.locale, "features": []},
    }


def _owners(world: World, interaction: Interaction) -> dict[str, str]:
    owners = {}
    if not interaction.is_user_install:
        owners["0"] = interaction.guild_id or "0"
    if world.users[interaction.user_id].has_app:
        owners["1"] = interaction.user_id
    return owners


def command_data(world: World, command: JSON, values: dict[str, Any]) -> JSON:
    """Return the data of a slash command. Raises ValueError for invalid options."""
    data: JSON = {"id": command["id"], "name": command["name"], "type": 1}
    known = {one["name"]: one for one in command.get("options") or []}
    if missing := [name for name in known if known[name].get("required") and name not in values]:
        raise ValueError(f"{command['name']}: {missing} are required")
    if unknown := set(values) - set(known):
        raise ValueError(f"{command['name']} has no option {unknown}")
    filled = data["options"] = [_fill(known[name], value) for name, value in values.items()]
    files = [one["value"] for one in filled if one["type"] == ATTACHMENT]
    if files:
        resolved = {one: file_json(world, world.files[one], is_ephemeral=True) for one in files}
        data["resolved"] = {"attachments": resolved}
    return data


def _fill(option: JSON, value: Any) -> JSON:
    choices = [one["value"] for one in option.get("choices") or []]
    if choices and value not in choices:
        raise ValueError(f"{option['name']}: {value} is none of {choices}")
    if isinstance(value, str) and len(value) > (option.get("max_length") or 6000):
        raise ValueError(f"{option['name']}: too long")
    return {"name": option["name"], "type": option["type"], "value": value}
