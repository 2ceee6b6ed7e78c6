"""Which preset voice is whose: found from what is known of them, so that nothing need be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from core.models import Voice


def voices_for_language(voices: Sequence[Voice], language: str) -> list[Voice]:
    """Return the voices whose language, BCP 47, is the same but for its region."""
    wanted = language.lower().split("-")[0]
    return [voice for voice in voices if voice.language.lower().split("-")[0] == wanted]


def assign(person: str, voices: Sequence[Voice]) -> Voice:
    """Return the voice of a person, the same one each time. voices: at least one."""
    number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:8])
    return voices[number % len(voices)]
