"""The contracts between the parts: what a platform and an engine must be able to do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.models import (
    Answer,
    Audio,
    Chat,
    Delivery,
    Job,
    Message,
    Question,
    Reply,
    Suggestion,
    Transcript,
    Utterance,
    Voice,
)


class Ledger(Protocol):
    """What is known of the parts of one job's reply; kept, so that a repeat is safe."""

    async def find(self, part: int) -> Delivery | None:
        """Return what is known of `part`, None if it was never tried."""

    async def start(self, part: int) -> None:
        """Note that `part` is about to be sent. Call it before the platform is called.

        What is known of a message that is to be edited stays: its id.
        """

    async def finish(self, part: int, platform_id: str) -> None:
        """Note that `part` was sent and what the platform calls it."""

    async def forget(self, part: int) -> None:
        """Note that `part` stands there no longer. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where an answer goes, and what of it has gone already."""

    job_id: str
    message: Message
    ledger: Ledger
    #: True where the chat refused voice messages: see `Door.note_no_voice`.
    has_no_voice: bool = False


class Door(Protocol):
    """How a platform hands a message in."""

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        """Commit `message` and the job it asks for; only then may the platform acknowledge it.

        data: the sound itself where the platform will not keep it for us.
        Returns None if the message is already known or asks for nothing.
        """

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        """Move settings, jobs and history of a chat that got a new id. Safe to repeat."""

    async def forget(self, chat: Chat, message_id: str) -> None:
        """Follow a deletion: drop what is remembered of a message. Safe to repeat."""

    async def note_seen(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        """Remember the newest message handed in, or passed over, of each chat: id -> message id.

        For platforms that show nothing twice: after a break they ask for what came later.
        """

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return what `note_seen` was told: chat id -> message id."""

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember that the chat refuses voice messages: sound goes there as music for a while."""

    async def recent(self, chat: Chat, limit: int) -> list[Job]:
        """Return the last jobs of a chat with their messages and replies, the newest last."""

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        """Return what may be put into a field of a command that is being typed.

        message: with the command, and as text what stands in the field so far.
        """

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the sound handed in with a message, None once it is no longer kept."""

    def readiness(self) -> dict[str, bool]:
        """Return the parts of the program and whether each can do its work."""


class Platform(Protocol):
    """A chat platform. It differs from others in the first and the last step only.

    The classes of `PLATFORMS` take (settings, door) and tell by the class method
    `is_configured(settings)` whether they can start.
    """

    name: str

    @property
    def is_ready(self) -> bool:
        """True while messages can come in."""

    async def run(self) -> None:
        """Receive messages until cancelled."""

    async def fetch(self, message: Message) -> bytes:
        """Return the bytes of the message's sound: its own or that of the one it answers.

        Raises TooLong before the download if it is known to be too large, PlatformError.
        """

    async def show(self, envelope: Envelope, text: str, *, is_lasting: bool = False) -> None:
        """Show the text so far. Paced by the platform, best effort: it never raises.

        is_lasting: it must stay to be seen until the answer takes its place.
        """

    def play(self, envelope: Envelope, pcm: bytes, rate_hz: int) -> None:
        """Let sound be heard as it comes, where the platform can: 16-bit mono. It never raises."""

    async def deliver(self, envelope: Envelope, reply: Reply) -> None:
        """Send what the ledger does not hold as sent.

        Raises PlatformError: PlatformBusy to be called again, ChatMoved, ChatGone.
        """

    async def is_admin(self, message: Message) -> bool:
        """Tell whether the sender may change the chat's settings, asked live."""

    async def close(self) -> None:
        """Let go of connections."""


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
    ) -> Transcript:
        """Return the words in `audio`; times count from its start.

        language: BCP 47, None = detect.
        on_text: called with the text so far, where the engine can stream.
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
    speech_limits: SynthesizerLimits
    #: Sample rate of what it gives.
    speech_rate_hz: int

    @property
    def speech_model(self) -> str:
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
    can_fetch: bool = False
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
    def chat_model(self) -> str:
        """The model that the next call will use."""

    @property
    def chat_limits(self) -> AnswererLimits:
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
