"""What an engine must be able to do, and what one call of it may hold."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

from core.models import Answer, Audio, Question, Transcript, Utterance, Voice


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls of one kind an account allows, and what a call costs of it."""

    #: Calls under way at once.
    concurrency: int = 8
    #: Calls per minute of the account, None = no limit.
    calls_per_minute: int | None = None
    #: Tokens per minute of the account, None = no limit.
    tokens_per_minute: int | None = None
    #: What a call is expected to cost, in tokens: `tokens_per_call + duration_s * tokens_per_s`.
    tokens_per_call: float = 0.0
    tokens_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TranscriberLimits(CallLimits):
    """What one call of an engine that hears may hold."""

    #: Formats the engine takes, the best first: "wav", "mp3".
    formats: tuple[str, ...] = ("wav",)
    #: Largest sound in bytes, before any base64.
    max_bytes: int = 25_000_000
    #: Longest sound of one call.
    max_piece_s: float = 180.0
    #: Length that pieces of a long recording should have.
    target_piece_s: float = 45.0
    #: True where a temperature changes something.
    can_vary: bool = False


class Transcriber(Protocol):
    """An engine that hears."""

    #: The name in ENGINES.
    name: str
    limits: TranscriberLimits

    @property
    def model(self) -> str:
        """The model that the next call will use."""

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: Callable[[str], None] | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """Return the words in `audio`; times count from its start.

        language: BCP 47, None = detect.
        on_text: called with the text so far, where the engine can stream.
        temperature: how freely it hears, None = the engine's own; see `limits.can_vary`.
        Raises EngineError.
        """

    async def close(self) -> None:
        """Let go of connections and child processes."""


@dataclass(frozen=True, slots=True)
class SynthesizerLimits(CallLimits):
    """What one call of an engine that speaks may hold."""

    #: Longest text of one call; longer ones are split by sentence.
    max_chars: int = 2000
    #: Largest sample of a voice in bytes, 0 where a voice cannot be given as a sample.
    max_sample_bytes: int = 0
    #: True where a voice can be given in words.
    can_design: bool = False
    #: True where styles, audio tags and direction are performed.
    can_style: bool = False


class Synthesizer(Protocol):
    """An engine that speaks."""

    #: The name in ENGINES.
    name: str
    limits: SynthesizerLimits
    #: Sample rate of what it gives.
    rate_hz: int

    @property
    def model(self) -> str:
        """The model that the next call with a preset voice will use."""

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices, the default of each language first."""

    def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """Yield the sound as it comes: PCM, signed 16 bits little endian, mono, whole samples.

        Leave it early by closing it (`contextlib.aclosing`). Raises EngineError, also after some
        sound was given; an utterance that ends without any is an EngineBadReply.
        """

    async def close(self) -> None:
        """Let go of connections and child processes."""


@dataclass(frozen=True, slots=True)
class AnswererLimits(CallLimits):
    """What one call of an engine that understands may hold."""

    #: MIME types of sound that it hears as they are, the one to convert to first; empty = none.
    formats: tuple[str, ...] = ()
    #: Largest sound in bytes, before any base64.
    max_bytes: int = 0
    #: True where it fetches sound from a public address by itself.
    can_fetch_urls: bool = False
    #: True where `Question.is_thinking` changes something.
    can_think: bool = False
    #: All that one call may hold, question and answer, in tokens.
    context_tokens: int = 128_000
    audio_tokens_per_s: float = 6.25
    #: False where it can only point at passages: nothing is translated.
    can_translate: bool = True


class Answerer(Protocol):
    """An engine that understands."""

    #: The name in ENGINES.
    name: str

    @property
    def model(self) -> str:
        """The model that the next call will use."""

    @property
    def limits(self) -> AnswererLimits:
        """What a call of that model may hold."""

    async def answer(
        self, question: Question, *, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        """Return the answer; it is never empty, and never a thought that passes for one.

        on_text: called with the text so far, where the engine can stream.
        Raises EngineError; EngineBadReply also where a recording was sent and not heard.
        """

    async def close(self) -> None:
        """Let go of connections and child processes."""
