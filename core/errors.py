"""Every deliberate error. Each says who can fix it, whether to try again, and after how long.

AssistantError
├── UserError           the sender can fix it; told at once, never tried again
│   ├── BadAudio        this is no sound that can be read
│   ├── TooLong         longer or larger than the limits
│   └── NotAllowed      only admins may do that
├── EngineError         something of ours went wrong with an engine
│   ├── EngineBusy      time heals it: limits, overload, network
│   ├── EngineBadReply  time may heal it: the answer made no sense
│   ├── EngineRefused   the sender's sound or text was refused (format, moderation)
│   │   ├── SynthesizerMissing  nothing on this machine can speak
│   │   ├── AnswererMissing  nothing that understands is set up
│   │   ├── NothingFound   the machine alone finds nothing to point at
│   │   └── AudioNotSupported     the model takes no sound: ask again with the words alone
│   ├── ModelGone       the service no longer knows the model: the registry moves on
│   └── EngineLocked    only the operator can fix it: key, balance, region
├── PlatformError       a chat platform did not take a call
│   ├── PlatformBusy    time heals it
│   ├── PlatformLocked  only the operator can fix it: the bot's token
│   ├── MessageGone     what was to be edited or answered is no longer there
│   ├── ChatMoved       the chat has a new id
│   └── ChatGone        nobody is there any more
├── StoreError          the database did not take it: time or the operator heals it
└── ConfigError         the operator must change a setting
"""

from __future__ import annotations

from typing import ClassVar


class AssistantError(Exception):
    """Base of every deliberate error.

    `str()` of it is for the operator's log: it never holds a secret or the content of a chat.
    """

    #: May the same call succeed later?
    is_retryable: ClassVar[bool] = False
    #: Only the operator can fix it: jobs are parked, not failed.
    is_parking: ClassVar[bool] = False
    #: The sentence the person sees: a key of `core.locale`, in English, with {names}.
    user_text: str = "Something went wrong on my side. Reference: {job}."

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail or type(self).__name__)
        #: How long the other side asked us to wait.
        self.retry_after_s = retry_after_s
        #: What fills the {names} of `user_text`.
        self.values: dict[str, object] = {}


class UserError(AssistantError):
    """The sender can fix it. `user_text` is what they read, `values` fill its {names}."""

    def __init__(self, user_text: str = "", **values: object) -> None:
        super().__init__(user_text or type(self).user_text)
        if user_text:
            self.user_text = user_text
        self.values = values


class BadAudio(UserError):
    """These bytes are no sound that can be read."""

    user_text = "I could not read any sound in this file."


class TooLong(UserError):
    """Longer or larger than the limits."""

    user_text = "This recording is too long for me: the limit is {hours} hours."


class NotAllowed(UserError):
    """Only admins may do that."""

    user_text = "Only the admins of this chat can change that."


class EngineError(AssistantError):
    """Something went wrong with an engine."""

    #: The HTTP status that says so, in the answer or inside of it; 0 where there is none.
    status: int = 0


class EngineBusy(EngineError):
    """Limits, overload, network: time heals it."""

    is_retryable = True
    user_text = "The speech service is busy. Please try again later. Reference: {job}."


class EngineBadReply(EngineError):
    """The engine's answer made no sense."""

    is_retryable = True


class EngineRefused(EngineError):
    """The engine refuses this sound or text."""

    user_text = "The speech service refused this: {reason}."
    #: A text as well.
    no_reason: ClassVar[str] = "it does not say why"

    def __init__(self, detail: str = "", *, reason: str = "") -> None:
        super().__init__(detail or reason)
        self.values = {"reason": reason or self.no_reason}


class SynthesizerMissing(EngineRefused):
    """Nothing on this machine can speak. Told at once: waiting would not install it."""

    user_text = "Speech is not installed on this machine."


class AnswererMissing(EngineRefused):
    """The machine alone cannot do it. Told at once: only another engine can."""

    user_text = "This needs an engine that understands, and none is set up."


class NothingFound(EngineRefused):
    """The machine alone can only point at passages, and none has a word of the question."""

    user_text = "None of these words are in it, and no engine that understands is set up."


class AudioNotSupported(EngineRefused):
    """The model that understands takes no sound. The same question in words may go well."""

    user_text = "The engine that understands cannot hear: ask it about the words."


class ModelGone(EngineError):
    """The service no longer knows the model."""

    is_parking = True
    user_text = "The speech service needs its operator. Your message is kept and will be answered."


class EngineLocked(EngineError):
    """Key, balance or region: only the operator can fix it."""

    is_parking = True
    user_text = "The speech service needs its operator. Your message is kept and will be answered."


class PlatformError(AssistantError):
    """A chat platform did not take a call."""


class PlatformBusy(PlatformError):
    """Limits, overload, network: time heals it."""

    is_retryable = True


class PlatformLocked(PlatformError):
    """The platform does not take our token."""

    is_parking = True


class MessageGone(PlatformError):
    """What was to be edited or answered is no longer there."""


class ChatMoved(PlatformError):
    """The chat has a new id."""

    def __init__(self, new_chat_id: str) -> None:
        super().__init__("the chat has a new id")
        self.new_chat_id = new_chat_id


class ChatGone(PlatformError):
    """Blocked, removed or deleted: nobody is there any more."""


class StoreError(AssistantError):
    """The database did not take it: locked, full, out of reach."""

    is_retryable = True


class ConfigError(AssistantError):
    """The operator must change a setting."""
