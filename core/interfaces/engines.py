"""The contracts of the three roles of an engine, and the limits of one call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

from core.models import Answer, Audio, Question, Transcript, Utterance, Voice

#: Receives the whole text so far, each time it has grown.
OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Rate limits of an account for one kind of call, and the expected cost of a call."""

    #: Calls under way at once.
    concurrency: int = 8
    #: Calls per minute of the account, None = no limit.
    calls_per_minute: int | None = None
    #: Tokens per minute of the account, None = no limit.
    tokens_per_minute: int | None = None
    #: Expected cost of a call in tokens: `tokens_per_call + duration_s * tokens_per_s`.
    tokens_per_call: float = 0.0
    tokens_per_s: float = 0.0
    #: True if silence until the deadline of a call is normal: a machine at home, without a stream.
    is_slow: bool = False
    #: True if they are those of each process, not of an account that several processes share.
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class TranscriberLimits(CallLimits):
    """Limits of one call that transcribes."""

    #: Formats the engine accepts, the best first: "wav", "mp3".
    formats: tuple[str, ...] = ("wav",)
    #: Largest audio in bytes, before any base64.
    max_bytes: int = 25_000_000
    #: Longest audio of one call.
    max_piece_s: float = 180.0
    #: Length that pieces of a long recording should have.
    target_piece_s: float = 45.0
    #: True if `temperature` has an effect.
    can_vary: bool = False


class Transcriber(Protocol):
    """An engine that transcribes recordings."""

    #: The name in ENGINES.
    name: str
    limits: TranscriberLimits

    @property
    def processor(self) -> str:
        """Who receives people's data, as /privacy says it; empty = it stays on this machine."""

    @property
    def model(self) -> str:
        """The model that the next call will use."""

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """Return the words in `audio`; times count from its start.

        language: BCP 47, None = detect.
        on_text: called while the transcript grows, if the engine streams.
        temperature: None = the engine's default; see `limits.can_vary`.
        Raises EngineError.
        """

    async def close(self) -> None:
        """Close connections and end worker processes."""


@dataclass(frozen=True, slots=True)
class SynthesizerLimits(CallLimits):
    """Limits of one call that synthesizes."""

    #: Longest text of one call; longer ones are split by sentence.
    max_chars: int = 2000
    #: Largest sample for cloning a voice in bytes, 0 if voices cannot be cloned.
    max_sample_bytes: int = 0
    #: True if a voice can be designed from a description.
    can_design: bool = False
    #: True if styles, audio tags and direction have an effect.
    can_style: bool = False


class Synthesizer(Protocol):
    """An engine that turns text into speech."""

    #: The name in ENGINES.
    name: str
    limits: SynthesizerLimits
    #: Sample rate of the audio.
    rate_hz: int

    @property
    def processor(self) -> str:
        """Who receives people's data, as /privacy says it; empty = it stays on this machine."""

    @property
    def model(self) -> str:
        """The model that the next call with a preset voice will use."""

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices, the default of each language first."""

    def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """Yield audio as it arrives: PCM, signed 16 bits little endian, mono, whole samples.

        To stop early, close it (`contextlib.aclosing`). Raises EngineError, also after some audio
        was yielded; an utterance that ends without any is an EngineBadReply.
        """

    async def close(self) -> None:
        """Close connections and end worker processes."""


@dataclass(frozen=True, slots=True)
class AnswererLimits(CallLimits):
    """Limits of one call that answers, and what the model can do."""

    #: MIME types of audio it accepts, the preferred one to convert to first; empty = no audio.
    formats: tuple[str, ...] = ()
    #: Largest audio in bytes, before any base64.
    max_bytes: int = 0
    #: True if it fetches audio from a public URL by itself.
    can_fetch_urls: bool = False
    #: True if `Question.is_thinking` has an effect.
    can_think: bool = False
    #: Size of the context window, question and answer together, in tokens.
    context_tokens: int = 128_000
    audio_tokens_per_s: float = 6.25
    #: False if it can only quote passages.
    can_translate: bool = True
    #: The parameters of `Sampling` that have an effect, as OpenAI names them.
    parameters: frozenset[str] = frozenset()


class Answerer(Protocol):
    """An engine that answers questions about texts and recordings."""

    #: The name in ENGINES.
    name: str

    @property
    def processor(self) -> str:
        """Who receives people's data, as /privacy says it; empty = it stays on this machine."""

    @property
    def model(self) -> str:
        """The model that the next call will use."""

    @property
    def limits(self) -> AnswererLimits:
        """The limits of that model."""

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """Return the answer, which is never empty. Reasoning never passes for an answer.

        on_text: called while the answer grows, if the engine streams.
        Raises EngineError; EngineBadReply also if the model ignored a recording.
        """

    async def close(self) -> None:
        """Close connections and end worker processes."""
