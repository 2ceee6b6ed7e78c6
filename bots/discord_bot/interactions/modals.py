"""Forms that ask for one more thing: what is to be known of a message."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import discord

from bots.common.text import clean
from bots.discord_bot.interactions.parser import ParsedInteraction
from core import commands
from core.commands.arguments import join_arguments
from core.locale import translate

#: How long a form may stay open.
OPEN_S = 3600.0
#: Begins the id of a form; what it is about is kept here, and does not outlive a restart.
_PREFIX = "f:"
_INPUT = "text"
_MAX_OPEN = 1000
_TITLE_CHARS, _LABEL_CHARS, _TEXT_CHARS = 45, 45, 2000


@dataclass(frozen=True, slots=True)
class _Open:
    person_id: str
    asked: ParsedInteraction


class Modals:
    """The forms that people have not sent yet."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def open(self, interaction: discord.Interaction, asked: ParsedInteraction) -> discord.ui.Modal:
        """Return the form that asks for what is missing, and keep what it is about."""
        token, language = secrets.token_urlsafe(16), interaction.locale.value
        self._open[token] = _Open(str(interaction.user.id), asked)
        while len(self._open) > _MAX_OPEN:
            self._open.popitem(last=False)
        fields = commands.load_command(asked.command).arguments
        label = next(field.help for field in fields if field.name == asked.asks)
        form = discord.ui.Modal(
            title=translate(asked.label, language)[:_TITLE_CHARS],
            timeout=OPEN_S,
            custom_id=f"{_PREFIX}{token}",
        )
        box: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
            label=translate(label, language)[:_LABEL_CHARS],
            style=discord.TextStyle.paragraph,
            custom_id=_INPUT,
            max_length=_TEXT_CHARS,
        )
        return form.add_item(box)

    def read(self, interaction: discord.Interaction) -> ParsedInteraction | None:
        """Return what was asked with what was written, None where the form is known no longer."""
        data: Mapping[str, Any] = interaction.data or {}
        token = str(data.get("custom_id") or "").removeprefix(_PREFIX)
        kept = self._open.get(token)
        if kept is None or kept.person_id != str(interaction.user.id):
            return None
        fields = commands.load_command(kept.asked.command).arguments
        text = join_arguments(fields, {kept.asked.asks: _read_text(data)})
        return replace(kept.asked, text=text, asks="")


def _read_text(data: Mapping[str, Any]) -> str:
    for row in data.get("components") or ():
        for part in row.get("components") or ():
            if part.get("custom_id") == _INPUT:
                return clean(str(part.get("value") or ""))
    return ""
