"""discord.py's errors as ours: one pure table, so that callers never match on text."""

from __future__ import annotations

import re
from collections.abc import Callable

import aiohttp
import discord

from core.errors import (
    AssistantError,
    ChatGone,
    ConfigError,
    MessageGone,
    PlatformBusy,
    PlatformError,
    PlatformLocked,
)
from core.locale import mark

#: Longest excerpt of Discord's message in an error.
MAX_DETAIL_CHARS = 160

TOKEN_REFUSED = (
    "Discord does not take the bot's token. Copy it from discord.com/developers/applications,"
    " under Bot, into DISCORD_BOT_TOKEN again."
)
FILE_GONE = mark("Discord no longer has this file. Please send it again.")

# An address may hold an interaction token; proxies answer with whole web pages.
_UNSAFE = re.compile(r"https?://\S+|<[!a-zA-Z].*", re.S)

#: Discord's JSON error codes.
UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE, UNKNOWN_USER = 10003, 10004, 10008, 10013
UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, BAD_WEBHOOK_TOKEN = 10015, 10062, 50027
ALREADY_ANSWERED, TOO_MANY_FOLLOW_UPS = 40060, 40094
NO_ACCESS, NO_DM, NO_PERMISSION = 50001, 50007, 50013
#: The thread is archived: nothing in it can be edited or deleted.
ARCHIVED = 50083

#: The interaction token is no longer valid: only the channel is left.
INTERACTION_OVER = frozenset({UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, BAD_WEBHOOK_TOKEN})
#: A voice message was refused; the same audio may be sent as a file.
VOICE_REFUSED = frozenset({NO_PERMISSION, *range(50159, 50163), 50173})

_CHAT_GONE = frozenset({
    UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_USER, NO_ACCESS, NO_DM, NO_PERMISSION,
    50009,  # the verification level of the server is too high for the bot
    50278,  # no server in common with the person any more
    160005,  # the thread is locked
})  # fmt: skip
_BUSY = frozenset({
    20016,  # slow mode
    20022,  # announcement edit limit
    20028, 20029,  # write limit of the channel, of the server
    30046,  # too many edits of an old message
    40004,  # temporarily disabled
    40062,  # the resource is overloaded
    110000, 110001, 130000,  # not available, not ready, overloaded
    500000,
})  # fmt: skip

#: Gateway close codes after which reconnecting does not help, and what the operator must do.
_TOKEN_REFUSED = 4004
_FATAL_CLOSES = {
    4010: "Discord rejects the shard: check DISCORD_SHARD_COUNT",
    4011: "Discord requires more shards: set DISCORD_SHARD_COUNT to auto",
    4012: "Discord no longer supports this gateway version: update hearsay",
    4013: "Discord does not know the requested intents: update hearsay",
    4014: (
        "Discord rejects the Message Content intent: turn it on for the bot at"
        " discord.com/developers/applications, under Bot, Privileged Gateway Intents"
    ),
}


def error_code_of(error: BaseException) -> int:
    """Return Discord's JSON error code, 0 if there is none."""
    return error.code if isinstance(error, discord.HTTPException) else 0


def read_error(error: BaseException) -> AssistantError:
    """Return our error for one of discord.py or the network, without addresses and tokens."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind](error)
    if isinstance(error, aiohttp.ClientError | OSError | TimeoutError):
        return PlatformBusy(describe(error))
    return PlatformError(describe(error))


def describe(error: BaseException) -> str:
    """Return an error's class and the part of its message that may be logged."""
    text = " ".join(_UNSAFE.sub("", str(error)).split())
    return f"{type(error).__name__}: {text[:MAX_DETAIL_CHARS]}".rstrip(": ")


def read_retry_after_s(error: BaseException) -> float | None:
    """Return Discord's Retry-After, None if there is none."""
    if isinstance(error, discord.RateLimited):
        return error.retry_after
    if not isinstance(error, discord.HTTPException):
        return None
    value = error.response.headers.get("Retry-After", "")
    return float(value) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", value) else None


def _read_http(error: BaseException) -> AssistantError:
    assert isinstance(error, discord.HTTPException)  # by the table
    detail, code, status = describe(error), error.code, error.status
    if status == 401:
        return PlatformLocked(TOKEN_REFUSED)
    if code in _CHAT_GONE:
        return ChatGone(detail)
    if code == UNKNOWN_MESSAGE:
        return MessageGone(detail)
    # 403 without a code does not come from the API: the proxy in front of it bans the address.
    is_banned = status == 403 and not code
    if status in (408, 429) or status >= 500 or code in _BUSY or is_banned:
        return PlatformBusy(detail, retry_after_s=read_retry_after_s(error))
    return PlatformError(detail)


def _read_rate_limit(error: BaseException) -> AssistantError:
    return PlatformBusy("Discord asks to wait", retry_after_s=read_retry_after_s(error))


def _read_closed(error: BaseException) -> AssistantError:
    assert isinstance(error, discord.ConnectionClosed)  # by the table
    if error.code == _TOKEN_REFUSED:
        return PlatformLocked(TOKEN_REFUSED)
    if error.code in _FATAL_CLOSES:
        return ConfigError(_FATAL_CLOSES[error.code])
    return PlatformBusy(f"the gateway closed with {error.code}")


def _plain(kind: type[AssistantError]) -> Callable[[BaseException], AssistantError]:
    return lambda error: kind(describe(error))


#: Every class of `discord.errors`; a test fails when discord.py adds one that is missing here.
TABLE: dict[type, Callable[[BaseException], AssistantError]] = {
    discord.ClientException: _plain(PlatformError),
    discord.ConnectionClosed: _read_closed,
    discord.DiscordException: _plain(PlatformError),
    discord.DiscordServerError: _read_http,
    discord.FFmpegProcessError: _plain(PlatformError),
    discord.Forbidden: _read_http,
    discord.GatewayNotFound: _plain(PlatformBusy),
    discord.HTTPException: _read_http,
    discord.InteractionResponded: _plain(PlatformError),
    discord.InvalidData: _plain(PlatformError),
    discord.LoginFailure: lambda error: PlatformLocked(TOKEN_REFUSED),
    discord.MissingApplicationID: _plain(PlatformError),
    discord.NotFound: _read_http,
    discord.PrivilegedIntentsRequired: lambda error: ConfigError(_FATAL_CLOSES[4014]),
    discord.RateLimited: _read_rate_limit,
}
