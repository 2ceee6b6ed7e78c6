"""What is said aloud: styles, speakable text, pieces of it. Pure: no network, no files."""

from __future__ import annotations

from core.speech.language import guess_language
from core.speech.speakable import make_speakable
from core.speech.split import FIRST_CHARS, shorten, split_speech
from core.speech.styles import SINGING, Styled, drop_tags, read_styles

__all__ = [
    "FIRST_CHARS",
    "SINGING",
    "Styled",
    "drop_tags",
    "guess_language",
    "make_speakable",
    "read_styles",
    "shorten",
    "split_speech",
]
