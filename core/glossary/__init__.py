"""Corrections of words that the engine keeps mishearing, applied when a text is shown."""

from core.glossary.apply import MAX_CORRECTIONS, apply, apply_to, learn, list_changes, undo_changes
from core.glossary.corrections import MAX_CHARS, parse_correction
from core.glossary.fuzzy_match import find_misheard

__all__ = [
    "MAX_CHARS",
    "MAX_CORRECTIONS",
    "apply",
    "apply_to",
    "find_misheard",
    "learn",
    "list_changes",
    "parse_correction",
    "undo_changes",
]
