"""Interaction tokens and button ids. Pure.

An interaction token lets the bot reply for a quarter of an hour. A button's id holds the token
under which the store keeps what it does, so that buttons outlive a restart and a forged id does
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.models import Button

#: How long an interaction token is valid, less the time that a request may take.
LIFE_S = 15 * 60 - 15

#: Id prefixes: a button of its chat, a button for one person, a select menu.
_SHARED, _PRIVATE, _MENU = "h:", "p:", "s:"
#: Component types, and a button style.
_ROW, _BUTTON, _SELECT = 1, 2, 3
_SECONDARY = 2
_BUTTON_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")

#: More buttons than this become select menus.
MAX_BUTTONS = 10
_ROW_BUTTONS = 5
_MAX_OPTIONS, _MAX_ROWS = 25, 5
_LABEL_CHARS, _OPTION_CHARS = 80, 100


@dataclass(frozen=True, slots=True)
class InteractionToken:
    """The token to reply to one interaction; stored encrypted as `Message.reply_token`."""

    interaction_id: str
    token: str
    #: Seconds since 1970.
    created_s: int
    #: Only the person who asked sees the reply.
    is_ephemeral: bool = False
    #: The app is installed for the person only: the bot is not in the chat and cannot write there.
    is_personal: bool = False
    #: False where the original response is the message whose button was pressed.
    has_original: bool = True

    def write(self) -> str:
        """Return the token as text: id:token:created:flags."""
        flags = "e" * self.is_ephemeral + "p" * self.is_personal + "u" * (not self.has_original)
        return f"{self.interaction_id}:{self.token}:{self.created_s}:{flags}"

    def is_valid(self, now: datetime) -> bool:
        """Tell whether Discord still accepts replies."""
        return now.timestamp() < self.created_s + LIFE_S


def read_interaction_token(text: str) -> InteractionToken | None:
    """Return the inverse of `InteractionToken.write`, None where there is none."""
    fields = text.split(":")
    if len(fields) != 4 or not fields[2].isdecimal():
        return None
    interaction_id, token, created_s, flags = fields
    flag_values = ("e" in flags, "p" in flags, "u" not in flags)
    return InteractionToken(interaction_id, token, int(created_s), *flag_values)


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """A pressed button or a chosen menu option."""

    token: str
    #: True where the reply is for the person who pressed alone.
    is_private: bool = False


def build_components(buttons: Sequence[Button], prompt: str = "…") -> list[dict[str, Any]]:
    """Return the component rows of a message, empty if there are no buttons.

    prompt: placeholder of a select menu.
    """
    if len(buttons) > MAX_BUTTONS:
        return _build_selects(buttons, prompt)
    items = [
        {"type": _BUTTON, "style": _SECONDARY, **_build_choice(one, _LABEL_CHARS, "custom_id")}
        for one in buttons
    ]
    rows = [items[start : start + _ROW_BUTTONS] for start in range(0, len(items), _ROW_BUTTONS)]
    return [{"type": _ROW, "components": row} for row in rows]


def read_press(data: Mapping[str, Any]) -> ButtonPress | None:
    """Return the button of an interaction's data, None if it is none of ours."""
    custom_id = str(data.get("custom_id") or "")
    if custom_id.startswith(_MENU):
        custom_id = str(next(iter(data.get("values") or ()), ""))
    prefix, token = custom_id[:2], custom_id[2:]
    if prefix not in (_SHARED, _PRIVATE) or not _BUTTON_TOKEN.fullmatch(token):
        return None
    return ButtonPress(token, is_private=prefix == _PRIVATE)


def _build_selects(buttons: Sequence[Button], prompt: str) -> list[dict[str, Any]]:
    options = [_build_choice(one, _OPTION_CHARS, "value") for one in buttons]
    rows = [options[start : start + _MAX_OPTIONS] for start in range(0, len(options), _MAX_OPTIONS)]
    menus = [
        {
            "type": _SELECT,
            "custom_id": f"{_MENU}{number}",
            "options": row,
            "placeholder": _shorten(prompt, _OPTION_CHARS),
        }
        for number, row in enumerate(rows[:_MAX_ROWS])
    ]
    return [{"type": _ROW, "components": [menu]} for menu in menus]


def _build_choice(button: Button, max_chars: int, id_field: str) -> dict[str, str]:
    prefix = _PRIVATE if button.is_private else _SHARED
    return {"label": _shorten(button.label, max_chars), id_field: f"{prefix}{button.token}"}


def _shorten(text: str, max_chars: int) -> str:
    text = text.strip() or "…"
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"
