"""Interactions as messages for the core. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import discord
from discord.utils import snowflake_time

from bots.common.chat import clean, clean_line
from bots.discord_bot.incoming.messages import (
    INTERACTION_PREFIX,
    PLATFORM,
    ChannelRef,
    build_attachment,
    read_channel,
    read_content,
    read_quoted,
)
from bots.discord_bot.interactions.menu import ATTACHMENT, CHAT_INPUT, MESSAGE
from bots.discord_bot.outgoing.parts import MENU, PRIVATE, SHARED
from bots.discord_bot.outgoing.routes import InteractionToken
from core import commands
from core.commands.arguments import join_arguments
from core.models import CANCEL_TOKEN, PERSON_PREFIX, Attachment, Chat, Message, QuotedMessage

_BUTTON_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, slots=True)
class ParsedInteraction:
    """What an interaction asks for."""

    command: str = ""
    text: str = ""
    #: The token of a pressed button, or of a submitted form.
    button: str = ""
    attachment: Attachment | None = None
    reply_to: QuotedMessage | None = None
    #: Only the person who asked sees the reply.
    is_ephemeral: bool = False
    #: It belongs to the person's own chat with the bot, wherever it was parsed.
    is_private: bool = False
    #: The argument that a modal asks for first, empty = none; and the label of the chosen action.
    missing_argument: str = ""
    label: str = ""
    #: Discord has checked that the person may use the command. It is registered for members with
    #: Manage Server, and servers grant it to other roles, members and channels, or withdraw it, in
    #: their settings under Integrations ("Application Commands", Permissions). Buttons are not
    #: checked by Discord.
    is_granted: bool = False


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """A pressed button or a chosen menu option."""

    token: str
    #: True where the reply is for the person who pressed alone.
    is_private: bool = False


def read_press(data: Mapping[str, Any]) -> ButtonPress | None:
    """Return the button of an interaction's data, None if it is none of ours."""
    custom_id = str(data.get("custom_id") or "")
    if custom_id.startswith(MENU):
        custom_id = str(next(iter(data.get("values") or ()), ""))
    prefix, token = custom_id[:2], custom_id[2:]
    if prefix not in (SHARED, PRIVATE) or not _BUTTON_TOKEN.fullmatch(token):
        return None
    return ButtonPress(token, is_private=prefix == PRIVATE)


def parse_interaction(interaction: discord.Interaction, bot_id: str) -> ParsedInteraction | None:
    """Return what an interaction asks for, None if it is nothing that is still offered."""
    data: Mapping[str, Any] = interaction.data or {}
    parsed = None
    if interaction.type is discord.InteractionType.component:
        parsed = _read_press(interaction, data)
    elif data.get("type") == MESSAGE:
        parsed = _read_message_action(data, bot_id)
    elif data.get("type", CHAT_INPUT) == CHAT_INPUT:
        parsed = _read_slash(data, bot_id)
    # In a server without the bot, only message actions may reply openly.
    if parsed and is_user_installed(interaction) and data.get("type") != MESSAGE:
        return replace(parsed, is_ephemeral=True)
    return parsed


def _read_slash(data: Mapping[str, Any], bot_id: str) -> ParsedInteraction | None:
    name = str(data.get("name"))
    command = commands.load_command(name) if name in commands.COMMANDS else None
    if command is None or not command.is_listed:
        return None
    people = [*((data.get("resolved") or {}).get("users") or {}).values()]
    values = {
        str(one["name"]): read_content({"content": str(one["value"]), "mentions": people}, bot_id)
        for one in data.get("options") or ()
    }
    text, attachment = join_arguments(command.arguments, values), _read_recording(data)
    is_ephemeral = command.is_ephemeral or command.asks_privately(text)
    return ParsedInteraction(
        name,
        text,
        attachment=attachment,
        is_ephemeral=is_ephemeral,
        is_granted=command.is_for_admins,
    )


def _read_recording(data: Mapping[str, Any]) -> Attachment | None:
    files = (data.get("resolved") or {}).get("attachments") or {}
    for one in data.get("options") or ():
        if one.get("type") == ATTACHMENT and (file := files.get(str(one.get("value")))):
            # It belongs to no message: there is only its link.
            is_voice = file.get("waveform") is not None
            return build_attachment(file, str(file["url"]), is_voice=is_voice)
    return None


def _read_message_action(data: Mapping[str, Any], bot_id: str) -> ParsedInteraction | None:
    parsed = find_action(str(data.get("name")))
    raw = ((data.get("resolved") or {}).get("messages") or {}).get(str(data.get("target_id")))
    if parsed is None or raw is None:
        return None
    # The bot cannot fetch the message where it is no member.
    return replace(parsed, reply_to=read_quoted(raw, bot_id, has_links=True))


def find_action(label: str) -> ParsedInteraction | None:
    """Return what the message action with this label asks for, None if there is none."""
    for name, command in commands.menu(has_voice=True):
        for action in command.message_actions:
            if action.label == label:
                is_ephemeral = action.is_ephemeral or command.is_ephemeral
                return ParsedInteraction(
                    name, is_ephemeral=is_ephemeral, missing_argument=action.argument, label=label
                )
    return None


def _read_press(
    interaction: discord.Interaction, data: Mapping[str, Any]
) -> ParsedInteraction | None:
    press, under = read_press(data), interaction.message
    if press is None or under is None:
        return None
    quoted = QuotedMessage(str(under.id), clean(under.content), sender_id=str(under.author.id))
    is_cancel = press.token.startswith(CANCEL_TOKEN)
    is_ephemeral = press.is_private or under.flags.ephemeral or is_cancel
    return ParsedInteraction(
        button=press.token,
        reply_to=quoted,
        is_ephemeral=is_ephemeral,
        is_private=press.is_private,
    )


def is_user_installed(interaction: discord.Interaction) -> bool:
    """Return whether the bot itself is not in the chat: the person has installed the app."""
    if interaction.guild_id:
        return not interaction.is_guild_integration()
    return interaction.context.private_channel


def read_channel_ref(interaction: discord.Interaction) -> ChannelRef:
    """Return the channel of an interaction."""
    channel = interaction.channel
    if isinstance(channel, discord.Thread):
        return read_channel(channel)
    guild_id = str(interaction.guild_id or "")
    return ChannelRef(guild_id, str(channel.id if channel else interaction.user.id))


def build_message(
    interaction: discord.Interaction, parsed: ParsedInteraction, bot_id: str, received_s: float
) -> Message:
    """Return an interaction as a message. received_s: its arrival in seconds since 1970."""
    channel, person_id = read_channel_ref(interaction), str(interaction.user.id)
    is_own = parsed.is_private or is_user_installed(interaction)
    token = InteractionToken(
        str(interaction.id), interaction.token, int(received_s),
        is_ephemeral=parsed.is_ephemeral, is_personal=is_user_installed(interaction),
    )  # fmt: skip
    return Message(
        chat=Chat(PLATFORM, bot_id, f"{PERSON_PREFIX}{person_id}" if is_own else channel.chat_id),
        message_id=f"{INTERACTION_PREFIX}{interaction.id}",
        sent_at=snowflake_time(interaction.id),
        sender_id=person_id,
        sender_name=clean_line(interaction.user.display_name),
        thread_id=None if is_own else channel.thread_id,
        is_private=is_own or not channel.guild_id,
        language=clean_line(interaction.locale.value),
        text=parsed.text,
        command=parsed.command,
        button=parsed.button,
        attachment=parsed.attachment,
        reply_to=parsed.reply_to,
        reply_token=token.write(),
        is_granted=parsed.is_granted and not is_own,
        server_id=str(interaction.guild_id or ""),
        parent_id=channel.parent_id,
    )


def read_focused(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the name of the option that is being typed, and its value so far."""
    for option in data.get("options") or ():
        if option.get("focused"):
            return str(option["name"]), clean(str(option.get("value", "")))
    return "", ""
