"""Every error of discord.py and every error response maps to one of ours."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import pytest

from bots.discord_bot.errors import TABLE, describe, read_error
from core import errors
from core.errors import ChatGone, ConfigError, MessageGone, PlatformBusy, PlatformError


def make_http(
    status: int, body: dict[str, Any] | str = "", headers: dict[str, str] | None = None
) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="?", headers=headers or {})
    return discord.HTTPException(response, body)


def make_closed(code: int) -> discord.ConnectionClosed:
    socket: Any = SimpleNamespace(close_code=code)
    return discord.ConnectionClosed(socket, shard_id=0, code=code)


def test_the_table_has_every_error_of_the_sdk() -> None:
    kinds = {
        kind
        for _, kind in inspect.getmembers(discord, inspect.isclass)
        if issubclass(kind, discord.DiscordException)
    }
    assert kinds == set(TABLE)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, 0, errors.PlatformLocked),
        (403, 50001, ChatGone), (403, 50013, ChatGone), (403, 50007, ChatGone),
        (403, 0, PlatformBusy),
        (404, 10003, ChatGone), (404, 10008, MessageGone), (404, 10062, PlatformError),
        (404, 0, PlatformError), (400, 50035, PlatformError), (400, 30046, PlatformBusy),
        (400, 160005, ChatGone), (413, 40005, PlatformError),
        (408, 0, PlatformBusy), (429, 20028, PlatformBusy), (500, 0, PlatformBusy),
    ],
)  # fmt: skip
def test_api_errors(status: int, code: int, kind: type) -> None:
    error = make_http(status, {"code": code, "message": "words of Discord"})
    assert type(read_error(error)) is kind


def test_retry_after_is_kept() -> None:
    limited = make_http(429, {"code": 0}, {"Retry-After": "7.5"})
    assert read_error(limited).retry_after_s == 7.5
    assert read_error(discord.RateLimited(90.0)).retry_after_s == 90.0
    assert read_error(make_http(429, "<html>", {"Retry-After": "soon"})).retry_after_s is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (make_closed(4004), errors.PlatformLocked), (make_closed(4013), ConfigError),
        (make_closed(4014), ConfigError), (make_closed(4011), ConfigError),
        (discord.PrivilegedIntentsRequired(0), ConfigError),
        (make_closed(4000), PlatformBusy), (discord.LoginFailure("x"), errors.PlatformLocked),
        (discord.GatewayNotFound(), PlatformBusy),  # type: ignore[no-untyped-call]
        (aiohttp.ServerDisconnectedError(), PlatformBusy),
        (ConnectionResetError(), PlatformBusy), (TimeoutError(), PlatformBusy),
        (discord.InteractionResponded(SimpleNamespace()), PlatformError),  # type: ignore[arg-type]
        (discord.app_commands.AppCommandError("x"), PlatformError),
    ],
)  # fmt: skip
def test_other_errors(error: Any, kind: type) -> None:
    assert type(read_error(error)) is kind


def test_no_error_holds_an_address_or_a_page() -> None:
    secret = "https://discord.com/api/v10/webhooks/1/aW50ZXJhY3Rpb246secret/messages"
    page = f"<!DOCTYPE html><html>{secret}</html>"
    for error in (make_http(500, f"failed at {secret}"), make_http(403, page), OSError(secret)):
        assert "secret" not in describe(error) and "html" not in describe(error)
        assert "secret" not in str(read_error(error))
