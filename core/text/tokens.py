"""How many tokens a text is about. Pure: a guess that is rather too high than too low."""

from __future__ import annotations

import re

from core.text.scripts import EAST_ASIAN

#: Characters of one token in scripts with an alphabet.
_CHARS_PER_TOKEN = 3
#: A pattern, since a summary counts a million characters.
_EAST_ASIAN = re.compile(f"[{EAST_ASIAN}]+")


def count_tokens(text: str) -> int:
    """Return about how many tokens `text` is: one per character of Chinese, Japanese, Korean."""
    others = len(_EAST_ASIAN.sub("", text))
    return len(text) - others + (others + _CHARS_PER_TOKEN - 1) // _CHARS_PER_TOKEN
