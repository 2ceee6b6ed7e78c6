"""Text for chat platforms: unsafe characters, length, where to split. Pure."""

from __future__ import annotations

import re
import unicodedata

# Control characters, bidirectional overrides, lone surrogates. U+2060 stays: `core.safety` puts
# it into addresses and names so that a model's text does not become a link.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Where a text may be split, the best first; the split is after the match.
_BREAKS = tuple(re.compile(one) for one in (r"\n{2,}", r"\n", r"[.!?。！？…]\s*", r"\s"))


def clean(text: str) -> str:
    """Return `text` without characters that break the display or that platforms refuse."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def is_blank(text: str) -> bool:
    """Return whether nothing in `text` is visible: platforms refuse such a message."""
    return all(c.isspace() or unicodedata.category(c) in ("Cf", "Cc", "Mn") for c in text)


def count_units(text: str) -> int:
    """Return the length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def find_break(window: str) -> int:
    """Return where to end the first piece of a text that starts with `window`."""
    # Splitting in the first half would make needlessly many messages.
    for pattern in _BREAKS:
        cut = max((match.end() for match in pattern.finditer(window)), default=0)
        if cut > len(window) // 2:
            return cut
    # A zero-width joiner belongs to the character before it.
    cut = len(window)
    while cut > len(window) - 20 and cut > 1 and window[cut - 1] == "\u200d":
        cut -= 1
    return cut
