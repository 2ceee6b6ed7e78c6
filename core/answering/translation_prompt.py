"""The prompt for translations, and parsing of its answers. Pure."""

from __future__ import annotations

import re
from datetime import date

from core.models import Question, Turn
from core.safety import RULE, fence

#: Characters per question; a translation may be twice as long.
PART_CHARS = 3000
_MAX_TOKENS = 4096

_TASK = (
    "You are Hearsay, a translator. Today is {today}. Translate the text into {language}. Keep "
    "its tone, its names, its lines; add nothing, leave nothing out, explain nothing, and answer "
    "with the translation alone, as plain text. If all of the text is in {language} already, "
    "answer with the single word SAME and nothing else."
)
_SAME = re.compile(r"[\W_]*SAME[\W_]*")
#: Matches partial text that may still become SAME.
_PARTIAL_SAME = re.compile(r"[\W_]*(S|SA|SAM|SAME)?[\W_]*")


def build_question(text: str, language: str, today: date) -> Question:
    """Return the question for the engine. language: its English name."""
    task = _TASK.format(today=today.isoformat(), language=language)
    return Question(
        turns=(Turn("user", fence(text)),),
        instructions=f"{task}\n{RULE}",
        task="translate",
        words=text,
        max_tokens=_MAX_TOKENS,
    )


def is_same(answer: str) -> bool:
    """Return True if the answer says that there is nothing to translate."""
    return _SAME.fullmatch(answer) is not None


def may_be_same(answer: str) -> bool:
    """Return True if partial text may become an answer that says so."""
    return _PARTIAL_SAME.fullmatch(answer) is not None
