"""Translates the Telegram SDK's errors: one pure table, so that callers never match on text."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    PassportDecryptionError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from core.audio.refusals import TOO_LARGE
from core.errors import (
    AssistantError,
    ChatGone,
    ChatMoved,
    MessageGone,
    PlatformBusy,
    PlatformError,
    PlatformLocked,
    TooLong,
    UserError,
)
from core.locale import mark

#: How much of Telegram's description an error carries.
MAX_DETAIL_CHARS = 160

#: What the SDK and the code that reads updates raise on shapes that nobody foresaw.
POISON = (
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
    OSError,
    RecursionError,
)

# A URL may hold the token; the SDK quotes whole responses that are not JSON.
_UNSAFE = re.compile(r"https?://\S+|\b\d+:[A-Za-z0-9_-]{8,}|\. Parsing the server response.*", re.S)

_REFUSED = (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    RetryAfter,
)

FILE_GONE = mark("Telegram no longer has this file. Please send it again.")


class Refusal(StrEnum):
    """Why Telegram refused a call that it understood (HTTP 400)."""

    NOT_MODIFIED = "not_modified"
    MESSAGE_GONE = "message_gone"
    REPLY_GONE = "reply_gone"
    TOPIC_GONE = "topic_gone"
    BAD_ENTITIES = "bad_entities"
    TOO_LONG = "too_long"
    FILE_TOO_BIG = "file_too_big"
    FILE_BUSY = "file_busy"
    #: No voice messages or no music: a person's privacy setting, a chat's permissions.
    AUDIO_FORBIDDEN = "audio_forbidden"
    BAD_FILE = "bad_file"
    NO_RIGHTS = "no_rights"
    OTHER = "other"


# The first match wins: "message to be replied not found" also holds "not found".
_REFUSALS: tuple[tuple[Refusal, tuple[str, ...]], ...] = (
    (Refusal.NOT_MODIFIED, ("message is not modified",)),
    (Refusal.REPLY_GONE, ("message to be replied not found", "replied message not found")),
    (Refusal.REPLY_GONE, ("message to reply not found", "reply_message_id_invalid")),
    (Refusal.TOPIC_GONE, ("message thread not found", "topic_closed", "topic_deleted")),
    (Refusal.TOPIC_GONE, ("topic_id_invalid",)),
    (Refusal.MESSAGE_GONE, ("message to edit not found", "message can't be edited")),
    (Refusal.MESSAGE_GONE, ("message_id_invalid", "message identifier is not specified")),
    (Refusal.MESSAGE_GONE, ("there is no text in the message to edit",)),
    (Refusal.MESSAGE_GONE, ("message to react not found", "message not found")),
    (Refusal.BAD_ENTITIES, ("can't parse entities", "can't parse messageentity")),
    (Refusal.BAD_ENTITIES, ("entity_bounds_invalid", "entities_too_long")),
    (Refusal.TOO_LONG, ("message is too long", "message_too_long", "text is too long")),
    (Refusal.TOO_LONG, ("caption is too long", "caption_too_long")),
    (Refusal.FILE_TOO_BIG, ("file is too big",)),
    (Refusal.FILE_BUSY, ("file is temporarily unavailable",)),
    (Refusal.BAD_FILE, ("wrong file_id", "invalid file_id", "wrong file identifier")),
    (Refusal.BAD_FILE, ("wrong remote file", "file_reference_expired", "invalid file id")),
    (Refusal.AUDIO_FORBIDDEN, ("voice_messages_forbidden", "receiving of voice messages")),
    (Refusal.AUDIO_FORBIDDEN, ("rights to send voice notes", "chat_send_voices_forbidden")),
    (Refusal.AUDIO_FORBIDDEN, ("rights to send music", "chat_send_audios_forbidden")),
    (Refusal.NO_RIGHTS, ("chat not found", "chat_write_forbidden", "not enough rights")),
    (Refusal.NO_RIGHTS, ("have no rights", "need administrator rights", "chat_restricted")),
    (Refusal.NO_RIGHTS, ("chat_admin_required", "peer_id_invalid", "user not found")),
    (Refusal.NO_RIGHTS, ("group chat was deactivated", "chat_send_plain_forbidden")),
    (Refusal.NO_RIGHTS, ("input_user_deactivated", "user_is_blocked", "chat_id is empty")),
    (Refusal.NO_RIGHTS, ("user_deactivated", "channel_private", "group is deactivated")),
)


def read_refusal(error: TelegramError) -> Refusal | None:
    """Return why a call was refused, None if the error is no refusal."""
    if not isinstance(error, BadRequest):
        return None
    text = error.message.lower()
    for refusal, phrases in _REFUSALS:
        if any(phrase in text for phrase in phrases):
            return refusal
    return Refusal.OTHER


def read_error(error: TelegramError | TimeoutError) -> AssistantError:
    """Return our error for the SDK's. It holds no URL, no token and no response body."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind](error)
    if isinstance(error, TimeoutError):
        return PlatformBusy(describe(error))
    return PlatformError(describe(error))


def is_webhook_set(error: Conflict) -> bool:
    """Return whether a poll was refused because updates are delivered to a webhook."""
    return "webhook is active" in error.message.lower()


def describe(error: BaseException) -> str:
    """Return an error's class and text without secrets, for the log."""
    text = _UNSAFE.sub("", str(error))
    return f"{type(error).__name__}: {text[:MAX_DETAIL_CHARS]}".rstrip(": ")


def is_unsent(error: TelegramError | TimeoutError) -> bool:
    """Return whether the call certainly did nothing: refused, or never sent from this machine."""
    # The SDK keeps httpx's error as the cause.
    cause = type(error.__cause__).__name__
    return isinstance(error, _REFUSED) or cause.startswith(("Connect", "PoolTimeout", "Proxy"))


def as_seconds(value: float | timedelta) -> float:
    """Return the seconds of a number or timedelta: the SDK's versions differ."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _read_retry_after(error: RetryAfter) -> AssistantError:
    return PlatformBusy("Telegram asked to wait", retry_after_s=as_seconds(error.retry_after))


def _read_network(error: TelegramError) -> AssistantError:
    # 413: the same call would be refused again.
    if "(413)" in error.message or "entity too large" in error.message.lower():
        return PlatformError(describe(error))
    return PlatformBusy(describe(error))


def _read_bad_request(error: TelegramError) -> AssistantError:
    match read_refusal(error):
        case Refusal.NO_RIGHTS | Refusal.TOPIC_GONE:
            return ChatGone(describe(error))
        case Refusal.MESSAGE_GONE | Refusal.REPLY_GONE:
            return MessageGone(describe(error))
        case Refusal.FILE_TOO_BIG:
            return TooLong(TOO_LARGE, limit=20)
        case Refusal.BAD_FILE:
            return UserError(FILE_GONE)
        case Refusal.FILE_BUSY:
            return PlatformBusy(describe(error))
        case _:
            return PlatformError(describe(error))


#: Every class of `telegram.error`, each with a function that takes it; a test fails when the SDK
#: grows one that is not here.
TABLE: dict[type, Callable[[Any], AssistantError]] = {
    BadRequest: _read_bad_request,
    ChatMigrated: lambda error: ChatMoved(str(error.new_chat_id)),
    Conflict: lambda error: PlatformBusy(describe(error)),
    EndPointNotFound: lambda error: PlatformLocked(describe(error)),
    Forbidden: lambda error: ChatGone(describe(error)),
    InvalidToken: lambda error: PlatformLocked(describe(error)),
    NetworkError: _read_network,
    PassportDecryptionError: lambda error: PlatformError(describe(error)),
    RetryAfter: _read_retry_after,
    TelegramError: lambda error: PlatformBusy(describe(error)),
    TimedOut: lambda error: PlatformBusy(describe(error)),
}
