"""Text as Telegram takes it: how it is counted and where it is cut. Pure.

Telegram counts in UTF-16 units; a message holds 4096 of them.
"""

from __future__ import annotations

from bots.common.text import count_units, find_break

MAX_UNITS = 4096


def split(text: str, max_units: int = MAX_UNITS) -> list[str]:
    """Cut `text` into pieces of at most `max_units`, between words where that can be.

    Joined again, the pieces are the text. Characters outside the basic plane stay whole.
    """
    pieces = []
    while text:
        window = head(text, max_units)
        cut = len(window) if len(window) == len(text) else find_break(window)
        pieces.append(text[:cut])
        text = text[cut:]
    return pieces


def head(text: str, max_units: int) -> str:
    """Return the beginning of `text` that fits `max_units`, at least one character."""
    window = text[:max_units]
    while len(window) > 1 and (over := count_units(window) - max_units) > 0:
        window = window[: len(window) - max(1, over // 2)]
    return window


def tail(text: str, max_units: int = MAX_UNITS) -> str:
    """Return the end of `text` that fits `max_units`, marked if something is left out."""
    if count_units(text) <= max_units:
        return text
    return "…" + head(text[::-1], max_units - 1)[::-1]
