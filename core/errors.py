"""All errors raised on purpose. Each says who can fix it, and whether and when to retry.

AssistantError
├── UserError           the sender can fix it; shown at once, never retried
│   ├── BadAudio        not readable as audio
│   ├── TooLong         longer or larger than the limits
│   ├── NoSpeech        nobody speaks in the recording
│   ├── ConfirmationNeeded  it takes much of what is left of a budget: asked first
│   ├── OverBudget      the budget of the person, the chat or the bot has no room for it
│   ├── NotAllowed      only admins may do that
│   └── NotMember       only members of that chat may see it
├── EngineError         a call to an engine failed
│   ├── EngineBusy      temporary: rate limits, overload, network
│   ├── EngineBadReply  perhaps temporary: the response made no sense
│   ├── EngineRefused   the sender's audio or text was refused (format, moderation)
│   │   ├── AudioNotSupported   the model takes no audio: ask again with the text alone
│   │   └── NotSent             the engine takes no such audio or text, so nothing was sent
│   │       ├── TranscriberMissing  no offline transcription on this machine
│   │       ├── SynthesizerMissing  no speech synthesis on this machine
│   │       ├── LanguageUnsupported the engine does not know the language of the recording
│   │       ├── AnswererMissing     no chat model is configured
│   │       └── NothingFound        no passage has a word of the question
│   ├── ModelGone       the service no longer has the model: the next one is used
│   └── EngineLocked    only the operator can fix it: key, balance, region
├── PlatformError       a call to a chat platform failed
│   ├── PlatformBusy    temporary
│   ├── PlatformLocked  only the operator can fix it: the bot's token
│   ├── MessageGone     the message to edit or to reply to is gone
│   ├── ChatMoved       the chat has a new id
│   └── ChatGone        blocked, removed or deleted
├── JobCancelled        the person or the platform wants no reply any more
├── StoreError          the database or the storage failed: temporary, or for the operator
│   └── StorageFull     its disk is full
└── ConfigError         the operator must change a setting
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from datetime import datetime


class AssistantError(Exception):
    """Base of all errors raised on purpose.

    `str()` of it is for the operator's log: it never has a secret or chat content.
    """

    #: Whether the same call may succeed later.
    is_retryable: ClassVar[bool] = False
    #: Whether only the operator can fix it: jobs wait and do not fail.
    is_parking: ClassVar[bool] = False
    #: The sentence that people see: an English msgid with {names}.
    #: {failure} = what could not be done, see `core.commands.Purpose`.
    user_text: str = "{failure} Something went wrong on my side. Reference: {job}."

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail or type(self).__name__)
        #: How long the other side asked to wait, None if it did not.
        self.retry_after_s = retry_after_s
        #: Values for the {names} in `user_text`.
        self.values: dict[str, object] = {}


class UserError(AssistantError):
    """The sender can fix it. `values` fill the {names} in `user_text`."""

    def __init__(self, user_text: str = "", **values: object) -> None:
        super().__init__(user_text or type(self).user_text)
        if user_text:
            self.user_text = user_text
        self.values = values


class BadAudio(UserError):
    """The file cannot be read as audio."""

    user_text = "I could not read any audio in this file."


class TooLong(UserError):
    """Longer or larger than the limits."""

    user_text = "This recording is too long for me: the limit is {limit}."


class NoSpeech(UserError):
    """Nobody speaks in the recording. can_insist: the engine was not asked yet."""

    user_text = "No speech was detected in this recording."

    def __init__(self, *, can_insist: bool = False) -> None:
        super().__init__()
        self.can_insist = can_insist


class OverBudget(UserError):
    """A budget has no room for it until `free_at`; see `core.limits.budget_texts`."""

    def __init__(self, user_text: str, free_at: datetime, wait_s: float, **values: object) -> None:
        super().__init__(user_text, **values)
        self.free_at = free_at
        self.retry_after_s = wait_s


class ConfirmationNeeded(UserError):
    """It takes much of what is left of a budget: the person is asked whether to begin."""


class NotAllowed(UserError):
    """Only admins may do that."""

    user_text = "Only the admins of this chat can change that."


class NotMember(UserError):
    """Only members of the chat that it comes from may see it."""

    user_text = "You are not in that chat any more, so I cannot show you what was said there."


class EngineError(AssistantError):
    """A call to an engine failed."""

    #: The HTTP status of the response or inside of it; 0 if there is none.
    status: int = 0
    #: False if `retry_after_s` is our own pause and nothing that the service has said.
    is_wait_asked: bool = True
    #: Whether the service has done nothing for the call, so that it costs nothing.
    is_free: bool = False


class EngineBusy(EngineError):
    """Temporary: rate limits, overload, network."""

    is_retryable = is_free = True
    user_text = "{failure} The AI service is busy. Please try again later. Reference: {job}."


class EngineBadReply(EngineError):
    """The engine's response made no sense."""

    is_retryable = True


class EngineRefused(EngineError):
    """The engine refuses this audio or text."""

    user_text = "{failure} The AI service refused the request: {reason}."
    #: The {reason} if there is none: a msgid, too.
    no_reason: ClassVar[str] = "no reason given"

    def __init__(self, detail: str = "", *, reason: str = "") -> None:
        super().__init__(detail or reason)
        self.values = {"reason": reason or self.no_reason}


class NotSent(EngineRefused):
    """The engine takes no such audio or text, so nothing was sent."""

    is_free = True


class TranscriberMissing(NotSent):
    """No offline transcription on this machine. Shown at once: waiting would not install it."""

    user_text = (
        "Recordings cannot be transcribed here yet. The operator of this bot can set up a speech "
        "service, or install the offline transcription with: make offline"
    )


class SynthesizerMissing(NotSent):
    """No speech synthesis on this machine. Shown at once: waiting would not install it."""

    user_text = (
        "Nothing can be read aloud yet. The operator of this bot can install the voices with: "
        "apt install espeak-ng"
    )


class LanguageUnsupported(NotSent):
    """The engine cannot transcribe this language. Shown at once: only another engine can."""

    user_text = (
        "The offline engine transcribes English only. For other languages the operator of this "
        "bot sets MIMO_API_KEY or OPENAI_BASE_URL. If this is English after all, set the "
        "language: /language English"
    )


class AnswererMissing(NotSent):
    """The offline engine cannot do it. Shown at once: only another engine can."""

    user_text = (
        "This needs a language model, and none is set up here. The operator of this bot sets "
        "MIMO_API_KEY or OPENAI_BASE_URL."
    )


class NothingFound(NotSent):
    """The offline engine can only quote passages, and none has a word of the question."""

    user_text = "None of these words are in it, and no language model is set up."


class AudioNotSupported(EngineRefused):
    """The chat model takes no audio. The same question about the transcript may work."""

    is_free = True
    user_text = "The language model here cannot listen: ask about the text."


class ModelGone(EngineError):
    """The service no longer has the model."""

    is_parking = is_free = True
    user_text = (
        "{failure} The AI service is down until the operator of this bot fixes it."
        " Please try again later."
    )


class EngineLocked(EngineError):
    """Key, balance or region: only the operator can fix it."""

    is_parking = is_free = True
    user_text = ModelGone.user_text


class PlatformError(AssistantError):
    """A call to a chat platform failed."""


class PlatformBusy(PlatformError):
    """Temporary: rate limits, overload, network."""

    is_retryable = True


class PlatformLocked(PlatformError):
    """The platform rejects the bot's token."""

    is_parking = True


class MessageGone(PlatformError):
    """The message to edit or to reply to is gone."""


class ChatMoved(PlatformError):
    """The chat has a new id."""

    def __init__(self, new_chat_id: str) -> None:
        super().__init__("the chat has a new id")
        self.new_chat_id = new_chat_id


class ChatGone(PlatformError):
    """The bot was blocked or removed, or the chat was deleted."""


class JobCancelled(AssistantError):
    """The job was cancelled while it ran: it ends with the reply that it got then."""


class StoreError(AssistantError):
    """The database or the storage of sound failed: locked, out of reach."""

    is_retryable = True


class StorageFull(StoreError):
    """The disk is full: what came in is not acknowledged, so that it comes again."""

    is_parking = True
    user_text = (
        "Nothing can be saved right now because this bot's disk is full. Please send it again "
        "later."
    )

    def __init__(self, path: str, free_bytes: int | None = None) -> None:
        """path: of the database, or its name. free_bytes: None if that is not known."""
        free = "is full" if free_bytes is None else f"has {free_bytes >> 20} MB free"
        remedy = "Free space there; what comes in meanwhile is received afterwards."
        super().__init__(f"{path} cannot grow: its disk {free}. {remedy}", retry_after_s=10.0)


class ConfigError(AssistantError):
    """The operator must change a setting."""


def describe_error(error: BaseException) -> str:
    """Return the error for the operator. The text of a foreign one may have chat content."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, AssistantError) else name
