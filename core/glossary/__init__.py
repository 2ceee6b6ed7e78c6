"""Words that are always heard wrongly, and what is meant: applied where a text is shown. Pure."""

from core.glossary.apply import MAX_CORRECTIONS, apply, apply_to, learn, list_changes, take_back
from core.glossary.corrections import MAX_CHARS, read_fix
from core.glossary.fuzzy_match import find_heard

__all__ = [
    "MAX_CHARS",
    "MAX_CORRECTIONS",
    "apply",
    "apply_to",
    "find_heard",
    "learn",
    "list_changes",
    "read_fix",
    "take_back",
]
