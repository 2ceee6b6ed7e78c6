"""What may be wished for a transcript, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

from core.models import Transcript


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A transcript and the key under which it is stored."""

    key: str
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """What is seldom wished for a transcript."""

    #: See `Transcriber`.
    temperature: float | None = None
    #: Ask the engine about silence and tones, too.
    even_silent: bool = False
    #: Ask the person before a long one takes much of what is left of a budget.
    asks_first: bool = False


NO_OPTIONS = TranscriptionOptions()
