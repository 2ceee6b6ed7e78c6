"""Reading JSON that a program sent: nothing of it is believed, and nothing passed over."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from bots.openai_api.errors import refuse

#: One half of a character outside the basic plane, which may stand there alone.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is. Raises ApiError."""
    try:
        value = json.loads(body)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise refuse("The body of your request is not valid JSON.") from None
    if not isinstance(value, dict):
        raise refuse("The body of your request is not a JSON object.")
    return value


def refuse_unknown(names: Collection[str], known: Collection[str]) -> None:
    """Raise ApiError if a field is none that is known: it would be passed over."""
    unknown = sorted(set(names) - set(known))
    if unknown:
        name = unknown[0][:100]
        raise refuse(f"Unknown parameter: {name!r}.", name, code="unknown_parameter")


def read_text(fields: dict[str, Any], name: str) -> str:
    """Return a text, empty if it is missing. Raises ApiError."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refuse(f"{name} must be a string", name)
    return value


def read_choice(fields: dict[str, Any], name: str, choices: Collection[str]) -> str:
    """Return a text that is one of `choices`, the first of them if it is missing.

    Raises ApiError.
    """
    value = read_text(fields, name).strip().lower()
    if not value:
        return next(iter(choices))
    if value not in choices:
        raise refuse(f"{name} must be one of {', '.join(choices)}", name)
    return value


def read_number(fields: dict[str, Any], name: str, least: float, largest: float) -> float | None:
    """Return a number within its limits, None if it is missing. Raises ApiError."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"{name} must be a number", name)
    if not least <= value <= largest:
        raise refuse(f"{name} must be between {least:g} and {largest:g}", name)
    return float(value)


def read_flag(fields: dict[str, Any], name: str) -> bool:
    """Return whether something is on, off if it is missing. Raises ApiError."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise refuse(f"{name} must be true or false", name)
    return bool(value)
