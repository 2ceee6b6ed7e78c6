"""Modals: forms that ask for the missing argument of a message action."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import discord

from bots.common.chat import clean
from bots.discord_bot.interactions.parser import ParsedInteraction
from core import commands
from core.commands.arguments import join_arguments
from core.locale import translate

#: Lifetime of an open modal.
OPEN_S = 3600.0
#: Prefix of modal ids; what a modal is about is kept in memory only.
_PREFIX = "f:"
_INPUT = "text"
_MAX_OPEN = 1000
_TITLE_CHARS, _LABEL_CHARS, _TEXT_CHARS = 45, 45, 2000


@dataclass(frozen=True, slots=True)
class _Open:
    person_id: str
    parsed: ParsedInteraction


class Modals:
    """Modals that people have not submitted yet."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def open(self, interaction: discord.Interaction, parsed: ParsedInteraction) -> discord.ui.Modal:
        """Return a modal that asks for the missing argument, and remember what it is about."""
        token, language = secrets.token_urlsafe(16), interaction.locale.value
        self._open[token] = _Open(str(interaction.user.id), parsed)
        while len(self._open) > _MAX_OPEN:
            self._open.popitem(last=False)
        arguments = commands.load_command(parsed.command).arguments
        label = next(one.help for one in arguments if one.name == parsed.missing_argument)
        modal = discord.ui.Modal(
            title=translate(parsed.label, language)[:_TITLE_CHARS],
            timeout=OPEN_S,
            custom_id=f"{_PREFIX}{token}",
        )
        text_input: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
            label=translate(label, language)[:_LABEL_CHARS],
            style=discord.TextStyle.paragraph,
            custom_id=_INPUT,
            max_length=_TEXT_CHARS,
        )
        return modal.add_item(text_input)

    def read(self, interaction: discord.Interaction) -> ParsedInteraction | None:
        """Return what was asked with the submitted text, None if the modal is unknown."""
        data: Mapping[str, Any] = interaction.data or {}
        token = str(data.get("custom_id") or "").removeprefix(_PREFIX)
        opened = self._open.get(token)
        if opened is None or opened.person_id != str(interaction.user.id):
            return None
        arguments = commands.load_command(opened.parsed.command).arguments
        text = join_arguments(arguments, {opened.parsed.missing_argument: _read_text(data)})
        return replace(opened.parsed, text=text, missing_argument="")


def _read_text(data: Mapping[str, Any]) -> str:
    for row in data.get("components") or ():
        for part in row.get("components") or ():
            if part.get("custom_id") == _INPUT:
                return clean(str(part.get("value") or ""))
    return ""
