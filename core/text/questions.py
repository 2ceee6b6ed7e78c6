"""Whether a caption asks something, such as "What does she say?"."""

from __future__ import annotations

import re

#: The end of a text and its last letter, read backwards. A search for them from the front would
#: begin anew at each question mark.
_END = re.compile(r"(\W*)(\w?)")
_MARKS, _PARTICLES = frozenset("?？؟"), frozenset("吗呢么")
#: First words that begin a question even without one.
_WORDS = re.compile(r"(?:who|what|when|where|why|how|which|whose)(?:['’]s)?\s+\w", re.IGNORECASE)
#: The same in Russian.
_RUSSIAN = re.compile(
    r"(?:кто|что|кого|кому|чему|когда|где|куда|откуда|почему|зачем|сколько|какой|какая|какое|какие)"
    r"\s+\w",
    re.IGNORECASE,
)
#: The same in Chinese, where they may stand anywhere.
_CHINESE = re.compile(r"谁|什么|怎么|为何|为什么|哪[里儿个些]|几点|多少")


def is_question(text: str) -> bool:
    """Return whether `text` is most likely a question."""
    end = _END.match(text[::-1])
    is_marked = end and (not _MARKS.isdisjoint(end[1]) or end[2] in _PARTICLES)
    begins = _WORDS.match(text.strip()) or _RUSSIAN.match(text.strip())
    return bool(is_marked or begins or _CHINESE.search(text))
