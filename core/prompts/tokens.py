"""How many tokens a text is about. Pure: a guess that is rather too high than too low."""

from __future__ import annotations

#: Characters of one token in scripts with an alphabet.
_CHARS_PER_TOKEN = 3


def count_tokens(text: str) -> int:
    """Return about how many tokens `text` is: one per character of Chinese, Japanese, Korean."""
    dense = sum(1 for character in text if _is_dense(character))
    return dense + (len(text) - dense + _CHARS_PER_TOKEN - 1) // _CHARS_PER_TOKEN


def _is_dense(character: str) -> bool:
    return "\u2e80" <= character <= "\ud7ff" or "\uf900" <= character <= "\uffef"
