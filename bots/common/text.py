"""Text as chat platforms take it: what is left out, and where it is best cut. Pure."""

from __future__ import annotations

import re
import unicodedata

# Control characters, overrides of the writing direction, halves of surrogate pairs. What ends a
# name or an address unseen (U+2060) stays: it keeps what a model said from becoming a link.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Where a text may be cut, the best first; the cut is behind the match.
_BREAKS = ("\n\n", "\n", re.compile(r"[.!?。！？…]\s*"), re.compile(r"\s"))


def clean(text: str) -> str:
    """Return `text` without characters that disturb the screen or that platforms refuse."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Tell whether nobody would see anything: platforms refuse such a message."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


def count_units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def find_break(window: str) -> int:
    """Return where to end the first piece of a text whose beginning is `window`."""
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
