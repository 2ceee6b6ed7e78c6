"""Reads interactions: what a person asks for, and what of it the core is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import discord

from bots.common.text import clean
from bots.discord_bot.channels import ChannelRef
from bots.discord_bot.incoming.attachments import build_attachment, find_sound, is_sound
from bots.discord_bot.incoming.files import FileId
from bots.discord_bot.incoming.messages import (
    INTERACTION_PREFIX,
    PLATFORM,
    read_as_quoted,
    read_moment,
)
from bots.discord_bot.interactions.buttons import read_press
from bots.discord_bot.interactions.menu import ATTACHMENT, CHAT_INPUT, MESSAGE
from bots.discord_bot.interactions.token import InteractionToken
from bots.discord_bot.text import clean_line, read_content
from core import commands
from core.commands.arguments import MessageAction, join_arguments
from core.models import Attachment, Chat, Message, QuotedMessage

#: Begins the id of the chat of a person who uses us where we are no member.
PERSON_PREFIX = "user:"


@dataclass(frozen=True, slots=True)
class ParsedInteraction:
    """What an interaction asks for."""

    command: str = ""
    text: str = ""
    #: The token of a pressed button.
    button: str = ""
    attachment: Attachment | None = None
    reply_to: QuotedMessage | None = None
    #: Only the person who asked sees the answer.
    is_ephemeral: bool = False
    #: It belongs to the person's own chat with us, wherever it was asked.
    is_private: bool = False
    #: The field that must be filled in first, empty = none; and how the person called for this.
    asks: str = ""
    label: str = ""


def parse_interaction(interaction: discord.Interaction, bot_id: str) -> ParsedInteraction | None:
    """Return what an interaction asks for, None if nothing that we still offer."""
    data: Mapping[str, Any] = interaction.data or {}
    if interaction.type is discord.InteractionType.component:
        asked = _read_press(interaction, data)
    elif data.get("type") == MESSAGE:
        asked = _read_use(data, bot_id)
    elif data.get("type", CHAT_INPUT) == CHAT_INPUT:
        asked = _read_slash(data, bot_id)
    else:
        asked = None
    # A stranger's server is spared what it did not ask for.
    if asked and is_foreign(interaction) and data.get("type") != MESSAGE:
        return replace(asked, is_ephemeral=True)
    return asked


def _read_slash(data: Mapping[str, Any], bot_id: str) -> ParsedInteraction | None:
    name = str(data.get("name"))
    if not _is_offered(name):
        return None
    command = commands.load_command(name)
    people = [*((data.get("resolved") or {}).get("users") or {}).values()]
    values = {
        str(one["name"]): read_content({"content": str(one["value"]), "mentions": people}, bot_id)
        for one in data.get("options") or ()
    }
    text, attachment = join_arguments(command.arguments, values), _read_recording(data)
    return ParsedInteraction(name, text, attachment=attachment, is_ephemeral=command.is_ephemeral)


def _read_recording(data: Mapping[str, Any]) -> Attachment | None:
    files = (data.get("resolved") or {}).get("attachments") or {}
    for one in data.get("options") or ():
        if one.get("type") == ATTACHMENT and (file := files.get(str(one.get("value")))):
            # It was never part of a message: there is nothing but its link.
            return build_attachment(
                file, str(FileId(url=str(file["url"]))), is_voice=_is_voice(file)
            )
    return None


def _is_voice(file: Mapping[str, Any]) -> bool:
    return is_sound(file) and file.get("waveform") is not None


def _read_use(data: Mapping[str, Any], bot_id: str) -> ParsedInteraction | None:
    found = _find_use(str(data.get("name")))
    raw = ((data.get("resolved") or {}).get("messages") or {}).get(str(data.get("target_id")))
    if found is None or raw is None:
        return None
    name, use = found
    quoted = read_target(raw, bot_id)
    is_ephemeral = use.is_ephemeral or commands.load_command(name).is_ephemeral
    return ParsedInteraction(
        name, reply_to=quoted, is_ephemeral=is_ephemeral, asks=use.argument, label=use.label
    )


def read_target(raw: Mapping[str, Any], bot_id: str) -> QuotedMessage:
    """Return the message that somebody points at, as the one that is answered."""
    quoted, sound = read_as_quoted(raw, bot_id), find_sound(raw)
    if quoted.attachment is None or sound is None:
        return quoted
    # With its link: where we are no member the message cannot be asked for.
    file_id = f"{quoted.attachment.file_id} {sound[1].get('url') or ''}".strip()
    return replace(quoted, attachment=replace(quoted.attachment, file_id=file_id))


def _read_press(
    interaction: discord.Interaction, data: Mapping[str, Any]
) -> ParsedInteraction | None:
    press, under = read_press(data), interaction.message
    if press is None or under is None:
        return None
    quoted = QuotedMessage(str(under.id), clean(under.content), sender_id=str(under.author.id))
    is_ephemeral = press.is_private or under.flags.ephemeral
    return ParsedInteraction(
        button=press.token,
        reply_to=quoted,
        is_ephemeral=is_ephemeral,
        is_private=press.is_private,
    )


def _is_offered(name: str) -> bool:
    return name in commands.COMMANDS and commands.load_command(name).is_listed


def _find_use(label: str) -> tuple[str, MessageAction] | None:
    """Return the command that has an entry of that name in the menu of messages."""
    message_actions = (
        (name, use)
        for name, command in commands.menu(has_voice=True)
        for use in command.message_actions
    )
    return next(((name, use) for name, use in message_actions if use.label == label), None)


def is_foreign(interaction: discord.Interaction) -> bool:
    """Tell whether we are there only because the person has brought us along."""
    if interaction.guild_id:
        return not interaction.is_guild_integration()
    return interaction.context.private_channel


def find_place(interaction: discord.Interaction) -> ChannelRef:
    """Return where an interaction happens."""
    channel = interaction.channel
    guild_id = str(interaction.guild_id or "")
    if isinstance(channel, discord.Thread):
        return ChannelRef(guild_id, str(channel.parent_id), str(channel.id))
    return ChannelRef(guild_id, str(channel.id if channel else interaction.user.id))


def build_message(
    interaction: discord.Interaction, asked: ParsedInteraction, bot_id: str, received_s: float
) -> Message:
    """Return what the core is told. received_s: when it came, in seconds since 1970."""
    place, is_own = find_place(interaction), asked.is_private or is_foreign(interaction)
    person_id = str(interaction.user.id)
    token = InteractionToken(
        str(interaction.id),
        interaction.token,
        int(received_s),
        is_ephemeral=asked.is_ephemeral,
        is_personal=is_foreign(interaction),
    )
    return Message(
        chat=Chat(PLATFORM, bot_id, f"{PERSON_PREFIX}{person_id}" if is_own else place.chat_id),
        message_id=f"{INTERACTION_PREFIX}{interaction.id}",
        sent_at=read_moment(str(interaction.id)),
        sender_id=person_id,
        sender_name=clean_line(interaction.user.display_name),
        thread_id=None if is_own else place.thread_id,
        is_private=is_own or place.is_private,
        language=interaction.locale.value,
        text=asked.text,
        command=asked.command,
        button=asked.button,
        attachment=asked.attachment,
        reply_to=asked.reply_to,
        reply_token=token.write(),
    )


def find_focus(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the option that is being filled in, and what stands in it."""
    for option in data.get("options") or ():
        if option.get("focused"):
            return str(option["name"]), clean(str(option.get("value", "")))
    return "", ""
