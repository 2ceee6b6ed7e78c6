"""Modals: forms that ask for the missing argument of a message action.

What a form is about is stored when it is opened, so that it can be submitted after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import discord

from bots.common.chat import clean
from bots.discord_bot.incoming.messages import INTERACTION_PREFIX
from bots.discord_bot.interactions.parser import ParsedInteraction, find_action
from core import commands
from core.commands.arguments import join_arguments
from core.locale import translate
from core.models import FORM_TOKEN

#: Parts of a form's id: this, the id of the interaction that opened it, the label of the action.
_PREFIX, _SEPARATOR = "f", ":"
_INPUT = "text"
#: How long discord.py keeps the form in memory, which nothing here needs.
_KEPT_S = 60.0
_TITLE_CHARS, _LABEL_CHARS, _TEXT_CHARS = 45, 45, 2000


def build_modal(interaction: discord.Interaction, parsed: ParsedInteraction) -> discord.ui.Modal:
    """Return the form that asks for the missing argument."""
    language = interaction.locale.value
    arguments = commands.load_command(parsed.command).arguments
    label = next(one.help for one in arguments if one.name == parsed.missing_argument)
    modal = discord.ui.Modal(
        title=translate(parsed.label, language)[:_TITLE_CHARS],
        timeout=_KEPT_S,
        custom_id=_SEPARATOR.join((_PREFIX, str(interaction.id), parsed.label)),
    )
    text_input: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        label=translate(label, language)[:_LABEL_CHARS],
        style=discord.TextStyle.paragraph,
        custom_id=_INPUT,
        max_length=_TEXT_CHARS,
    )
    return modal.add_item(text_input)


def read_modal(data: Mapping[str, Any]) -> ParsedInteraction | None:
    """Return what a submitted form asks for, None if it is none of ours."""
    prefix, _, rest = str(data.get("custom_id")).partition(_SEPARATOR)
    opener_id, _, label = rest.partition(_SEPARATOR)
    parsed = find_action(label)
    if prefix != _PREFIX or parsed is None or not parsed.missing_argument:
        return None
    arguments = commands.load_command(parsed.command).arguments
    text = join_arguments(arguments, {parsed.missing_argument: _read_text(data)})
    button = f"{FORM_TOKEN}{INTERACTION_PREFIX}{opener_id}"
    return replace(parsed, text=text, button=button, missing_argument="")


def _read_text(data: Mapping[str, Any]) -> str:
    for row in data.get("components") or ():
        for part in row.get("components") or ():
            if part.get("custom_id") == _INPUT:
                return clean(str(part.get("value") or ""))
    return ""
