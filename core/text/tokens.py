"""How many tokens a text is about. Pure: a guess that is rather too high than too low."""

from __future__ import annotations

import re

#: Characters of one token in scripts with an alphabet.
_CHARS_PER_TOKEN = 3
#: Chinese, Japanese, Korean. A pattern: a summary counts a million characters.
_DENSE = re.compile("[\u2e80-\ud7ff\uf900-\uffef]+")


def count_tokens(text: str) -> int:
    """Return about how many tokens `text` is: one per character of Chinese, Japanese, Korean."""
    loose = len(_DENSE.sub("", text))
    return len(text) - loose + (loose + _CHARS_PER_TOKEN - 1) // _CHARS_PER_TOKEN
