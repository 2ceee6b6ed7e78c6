"""Buttons as Discord takes them, and as it tells of their being pressed. Pure.

What a button does is kept by the store under its token, so that buttons outlive a restart and a
made-up id does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.models import Button

#: Begins the id of a button: of one that belongs to its chat, of one for a single person.
_SHARED, _PRIVATE = "h:", "p:"
_SELECT = "s:"
_ROW, _BUTTON, _CHOICE = 1, 2, 3
_SECONDARY = 2
#: The form that tokens have.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")

#: More than these are a list to choose from.
MAX_BUTTONS = 10
_ROW_BUTTONS = 5
_MAX_OPTIONS, _MAX_ROWS = 25, 5
_LABEL_CHARS, _OPTION_CHARS = 80, 100


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """A button that somebody has pressed or chosen."""

    token: str
    #: True where the answer is for whoever pressed, and only the right person gets one.
    is_private: bool = False


def build_components(buttons: Sequence[Button], prompt: str = "…") -> list[dict[str, Any]]:
    """Return the rows of components under a message; an empty list where there are no buttons.

    prompt: what stands in a list while nothing is chosen.
    """
    if len(buttons) <= MAX_BUTTONS:
        rows = [list(map(_build_button, part)) for part in _split(buttons, _ROW_BUTTONS)]
    else:
        parts = list(_split(buttons, _MAX_OPTIONS))[:_MAX_ROWS]
        rows = [[_build_select(str(n), part, prompt)] for n, part in enumerate(parts)]
    return [{"type": _ROW, "components": row} for row in rows]


def read_press(data: Mapping[str, Any]) -> ButtonPress | None:
    """Return which button an interaction's data tells of, None if it is none of ours."""
    custom_id = str(data.get("custom_id") or "")
    if custom_id.startswith(_SELECT):
        custom_id = str(next(iter(data.get("values") or ()), ""))
    prefix, token = custom_id[:2], custom_id[2:]
    if prefix not in (_SHARED, _PRIVATE) or not _TOKEN.fullmatch(token):
        return None
    return ButtonPress(token, is_private=prefix == _PRIVATE)


def _build_id(button: Button) -> str:
    return f"{_PRIVATE if button.is_private else _SHARED}{button.token}"


def _build_button(button: Button) -> dict[str, Any]:
    label = _cut(button.label, _LABEL_CHARS)
    return {"type": _BUTTON, "style": _SECONDARY, "label": label, "custom_id": _build_id(button)}


def _build_select(name: str, buttons: Sequence[Button], prompt: str) -> dict[str, Any]:
    options = [
        {"label": _cut(button.label, _OPTION_CHARS), "value": _build_id(button)}
        for button in buttons
    ]
    placeholder = _cut(prompt, _OPTION_CHARS)
    custom_id = f"{_SELECT}{name}"
    return {
        "type": _CHOICE,
        "custom_id": custom_id,
        "options": options,
        "placeholder": placeholder,
    }


def _split(buttons: Sequence[Button], size: int) -> Iterator[Sequence[Button]]:
    return (buttons[start : start + size] for start in range(0, len(buttons), size))


def _cut(text: str, limit: int) -> str:
    text = text.strip() or "…"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
