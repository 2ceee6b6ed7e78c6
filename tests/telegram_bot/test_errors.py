"""The SDK's errors become ours."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
import telegram.error
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TimedOut

from bots.telegram_bot.errors import (
    TABLE,
    Refusal,
    as_seconds,
    describe,
    is_unsent,
    read_error,
    read_refusal,
)
from core.errors import (
    ChatGone,
    ChatMoved,
    MessageGone,
    PlatformBusy,
    PlatformError,
    PlatformLocked,
    TooLong,
    UserError,
)


def test_every_error_of_the_sdk_is_read() -> None:
    known = {
        kind
        for _, kind in inspect.getmembers(telegram.error, inspect.isclass)
        if issubclass(kind, telegram.error.TelegramError)
    }
    assert known == set(TABLE)
    assert {getattr(telegram.error, name) for name in telegram.error.__all__} <= set(TABLE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (telegram.error.InvalidToken(), PlatformLocked),
        (telegram.error.EndPointNotFound("x"), PlatformLocked),
        (telegram.error.Conflict("terminated by other getUpdates request"), PlatformBusy),
        (telegram.error.TelegramError("Invalid server response"), PlatformBusy),
        (telegram.error.PassportDecryptionError("x"), PlatformError),
        (NetworkError("Bad Gateway (502)"), PlatformBusy),
        (NetworkError("Request Entity Too Large (413)"), PlatformError), (TimedOut(), PlatformBusy),
        (Forbidden("Forbidden: bot was blocked by the user"), ChatGone),
        (Forbidden("Forbidden: user is deactivated"), ChatGone),
        (Forbidden("Forbidden: bot was kicked from the supergroup chat"), ChatGone),
        (Forbidden("Forbidden: the group chat was deleted"), ChatGone),
        (BadRequest("Chat not found"), ChatGone), (BadRequest("CHAT_WRITE_FORBIDDEN"), ChatGone),
        (BadRequest("Not enough rights to send text messages to the chat"), ChatGone),
        (BadRequest("TOPIC_CLOSED"), ChatGone),
        (BadRequest("Message to edit not found"), MessageGone),
        (BadRequest("Message to be replied not found"), MessageGone),
        (BadRequest("File is too big"), TooLong),
        (BadRequest("Wrong file_id or the file is temporarily unavailable"), PlatformBusy),
        (BadRequest("Invalid file_id"), UserError), (BadRequest("Something new"), PlatformError),
    ],
)  # fmt: skip
def test_read_error(error: telegram.error.TelegramError, kind: type) -> None:
    ours = read_error(error)
    assert type(ours) is kind


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("Message is not modified: specified new message content is the same", "not_modified"),
        ("Message to edit not found", "message_gone"), ("Message can't be edited", "message_gone"),
        ("Message to be replied not found", "reply_gone"),
        ("Message thread not found", "topic_gone"), ("TOPIC_CLOSED", "topic_gone"),
        ("Can't parse entities: unexpected end", "bad_entities"),
        ("Message is too long", "too_long"), ("Message caption is too long", "too_long"),
        ("Voice_messages_forbidden", "audio_forbidden"),
        ("User restricted receiving of voice messages", "audio_forbidden"),
        ("Not enough rights to send voice notes to the chat", "audio_forbidden"),
        ("Not enough rights to send music to the chat", "audio_forbidden"),
        ("Not enough rights to send documents to the chat", "no_rights"),
        ("Something new", "other"),
    ],
)  # fmt: skip
def test_read_refusal(text: str, refusal: str) -> None:
    assert read_refusal(BadRequest(text)) is Refusal(refusal)
    assert read_refusal(NetworkError(text)) is None


@pytest.mark.parametrize("wait", [7, timedelta(seconds=7)])
def test_retry_after_may_be_a_number_or_a_timedelta(wait: int | timedelta) -> None:
    assert as_seconds(wait) == 7.0
    assert read_error(RetryAfter(wait)).retry_after_s == 7.0


def test_a_move_names_the_new_chat_and_a_new_error_is_read_as_its_base() -> None:
    error = read_error(ChatMigrated(-100123))
    assert isinstance(error, ChatMoved)
    assert error.new_chat_id == "-100123"

    class SlowMode(RetryAfter):
        pass

    assert read_error(SlowMode(3)).retry_after_s == 3


def test_details_hold_no_url_no_token_and_no_body() -> None:
    error = NetworkError(
        "Unknown error: UnsupportedProtocol('https://api.telegram.org/bot1:ABCDEFGHIJKL/x') "
        "1:ABCDEFGHIJKL. Parsing the server response b'<html>secret words' failed"
    )
    detail = str(read_error(error))
    assert "ABCDEF" not in detail
    assert "secret words" not in detail
    assert len(describe(BadRequest("x" * 5000))) < 200


def test_refusals_and_failed_connections_are_known_to_be_unsent() -> None:
    class ConnectError(Exception):
        pass

    unreachable = NetworkError("httpx.ConnectError: ")
    unreachable.__cause__ = ConnectError()
    assert is_unsent(RetryAfter(1))
    assert is_unsent(BadRequest("x"))
    assert is_unsent(unreachable)
    assert not is_unsent(TimedOut())
    assert not is_unsent(NetworkError("Bad Gateway (502)"))
