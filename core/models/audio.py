"""Audio, transcripts and voices, and the cost of calls to engines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Audio:
    """Audio that is ready for an engine."""

    __pydantic_config__: ClassVar[dict[str, str]] = {
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }

    data: bytes
    mime: str
    duration_s: float
    #: A URL from which the service fetches it, instead of `data`.
    url: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Words and when they were said, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of one call to an engine, as the engine counts it."""

    engine: str
    model: str
    audio_s: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    #: Of the prompt's tokens, those that are audio, and those that the service had cached.
    audio_tokens: int = 0
    cached_tokens: int = 0
    #: Of the completion's tokens, those that are reasoning.
    reasoning_tokens: int = 0


def add_usages(usages: Iterable[Usage | None]) -> Usage | None:
    """Return the cost of several calls to one model, None if it is not known of any."""
    costs = [astuple(usage) for usage in usages if usage]
    return Usage(*costs[0][:2], *map(sum, [*zip(*costs, strict=True)][2:])) if costs else None


@dataclass(frozen=True, slots=True)
class CorrectedWords:
    """Words of a text that replace what was transcribed."""

    #: Character positions, the end excluded.
    start: int
    end: int
    heard: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript of a recording or of one piece of it."""

    text: str
    segments: tuple[Segment, ...] = ()
    #: Length of the audio.
    duration_s: float = 0.0
    #: True if the engine stopped before the end (finish_reason "length").
    is_cut: bool = False
    #: True if the offline engine made it: only roughly right.
    is_rough: bool = False
    usage: Usage | None = None
    #: True if the engine was not asked: the audio is silent, or nothing but a tone.
    is_silent: bool = False
    #: Start and end of each stretch in which nobody speaks.
    pauses: tuple[tuple[float, float], ...] = ()
    #: If a person edited it, the key of the transcript before: nothing is corrected in it any more.
    edited_from: str = ""
    #: What the chat's corrections replaced in `text`; never stored.
    corrected: tuple[CorrectedWords, ...] = ()


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
    """One text to synthesize. Only one of voice, description and sample is used."""

    #: Speakable text, with audio tags such as "[cough]" if the engine knows them.
    text: str
    #: A preset voice, None = the engine's default.
    voice: str | None = None
    #: Styles of the whole text, such as "Happy" or "唱歌", in order.
    styles: tuple[str, ...] = ()
    #: Free-text direction: "warm, tired, slow".
    direction: str = ""
    #: A description of a voice, designed anew for each call.
    description: str = ""
    #: A recording of the voice to clone, WAV or MP3.
    sample: Audio | None = None


#: Prefix of a saved voice's id in settings.
SAVED_VOICE_PREFIX = "kept:"


@dataclass(frozen=True, slots=True)
class SavedVoice:
    """A voice that was designed for a chat, or cloned from a person's own."""

    voice_id: str
    name: str
    #: The recording that the engine clones.
    sample: Audio
    #: True for a person's own voice: nobody else may use it.
    is_clone: bool = False
    #: When the person consented, None for a designed voice.
    consented_at: datetime | None = None
    #: Id of whoever saved it, empty if that is not known.
    by: str = field(default="", compare=False)
    #: Where the sample's `data` is stored outside the database, and its sha256: it is empty until
    #: it is loaded.
    object_key: str = field(default="", compare=False)
    sample_hash: str = field(default="", compare=False)

    @property
    def choice(self) -> str:
        """The value of a setting that selects this voice."""
        return f"{SAVED_VOICE_PREFIX}{self.voice_id}"
