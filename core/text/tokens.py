"""Estimate of a text's tokens, rather too high than too low."""

from __future__ import annotations

import re

from core.text.scripts import EAST_ASIAN

#: In scripts with an alphabet.
_CHARS_PER_TOKEN = 3
#: A pattern, since a summary counts a million characters.
_EAST_ASIAN = re.compile(f"[{EAST_ASIAN}]+")


def count_tokens(text: str) -> int:
    """Return about how many tokens `text` has: one per Chinese, Japanese or Korean character."""
    others = len(_EAST_ASIAN.sub("", text))
    return len(text) - others + (others + _CHARS_PER_TOKEN - 1) // _CHARS_PER_TOKEN
