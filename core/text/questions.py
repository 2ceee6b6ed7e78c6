"""Whether a caption asks something, such as "What does she say?"."""

from __future__ import annotations

import re

#: A question mark at the end, whatever follows it that is no word.
_MARKED = re.compile(r"[?？؟]\W*\Z")
#: First words that begin a question even without one.
_WORDS = re.compile(r"(?:who|what|when|where|why|how|which|whose)(?:['’]s)?\s+\w", re.IGNORECASE)
#: The same in Chinese, where they may stand anywhere, and particles at the end.
_CHINESE = re.compile(r"谁|什么|怎么|为何|为什么|哪[里儿个些]|几点|多少|[吗呢么]\W*\Z")


def is_question(text: str) -> bool:
    """Return whether `text` is most likely a question."""
    return bool(_MARKED.search(text) or _WORDS.match(text.strip()) or _CHINESE.search(text))
