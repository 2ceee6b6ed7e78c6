"""Text as Telegram takes it: what is left out, how it is counted and where it is cut. Pure.

Telegram counts in UTF-16 units; a message holds 4096 of them.
"""

from __future__ import annotations

import re
import unicodedata

MAX_UNITS = 4096

# Control characters, overrides of the writing direction, halves of surrogate pairs. What ends a
# name or an address unseen (U+2060) stays: it keeps what a model said from becoming a link.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Where a text may be cut, the best first; the cut is behind the match.
_BREAKS = ("\n\n", "\n", re.compile(r"[.!?。！？…]\s*"), re.compile(r"\s"))


def clean(text: str) -> str:
    """Return `text` without characters that disturb the screen or that Telegram refuses."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Tell whether nobody would see anything: Telegram refuses such a message."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


def count_units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def split(text: str, max_units: int = MAX_UNITS) -> list[str]:
    """Cut `text` into pieces of at most `max_units`, between words where that can be.

    Joined again, the pieces are the text. Characters outside the basic plane stay whole.
    """
    pieces = []
    while text:
        window = head(text, max_units)
        cut = len(window) if len(window) == len(text) else _find_break(window)
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


def _find_break(window: str) -> int:
    # A cut in the first half would make needlessly many messages.
    for mark in _BREAKS:
        cut = _last_end(window, mark)
        if cut > len(window) // 2:
            return cut
    # A joined emoji or an accent belongs to the character before it.
    cut = len(window)
    while cut > len(window) - 20 and cut > 1 and _is_joined(window, cut):
        cut -= 1
    return cut


def _is_joined(window: str, cut: int) -> bool:
    return window[cut - 1] == "\u200d"


def _last_end(window: str, mark: str | re.Pattern[str]) -> int:
    if isinstance(mark, str):
        return window.rfind(mark) + len(mark) if mark in window else 0
    return max((match.end() for match in mark.finditer(window)), default=0)
