"""Sound that is heard and spoken, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound that is ready for an engine."""

    __pydantic_config__: ClassVar[dict[str, str]] = {
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }

    data: bytes
    mime: str
    duration_s: float
    #: Where a service may fetch it by itself, instead of `data`.
    url: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Words and when they were said, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call to an engine cost, as the engine counts it."""

    engine: str
    model: str
    audio_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, whole or for one piece."""

    text: str
    segments: tuple[Segment, ...] = ()
    #: Length of the sound that was heard.
    duration_s: float = 0.0
    #: True when the engine stopped before the end (finish_reason "length").
    is_cut: bool = False
    #: True when the machine itself heard it: the gist, not the letter.
    is_rough: bool = False
    usage: Usage | None = None
    #: Start and end of each stretch in which nobody speaks.
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Voice:
    """A preset voice of an engine."""

    #: What the engine calls it; case matters.
    voice_id: str
    name: str
    #: The language it speaks best (BCP 47).
    language: str
    gender: Literal["female", "male", ""] = ""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text to be spoken, and how. Exactly one of voice, description and sample is used."""

    #: Speakable text; may hold audio tags such as "[cough]" where the engine performs them.
    text: str
    #: A preset voice, None = the engine's own choice.
    voice: str | None = None
    #: Styles of the whole, such as "Happy" or "唱歌", in order.
    styles: tuple[str, ...] = ()
    #: Direction in words: "warm, tired, slow".
    direction: str = ""
    #: A voice in words, made anew for each call.
    description: str = ""
    #: A recording of the voice to speak with, WAV or MP3.
    sample: Audio | None = None


#: Before the id of a kept voice where a voice is chosen.
SAVED_VOICE_PREFIX = "kept:"


@dataclass(frozen=True, slots=True)
class SavedVoice:
    """A voice that was designed for a chat, or that a person made of their own."""

    voice_id: str
    name: str
    #: What the engine speaks with.
    sample: Audio
    #: True for a person's own voice: nobody else may use it.
    is_clone: bool = False
    #: When the consent was spoken, None for a designed voice.
    consented_at: datetime | None = None

    @property
    def choice(self) -> str:
        """What stands where this voice is chosen."""
        return f"{SAVED_VOICE_PREFIX}{self.voice_id}"
