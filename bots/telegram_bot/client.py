"""The connection to the Bot API: the SDK's Bot with raw updates.

Imported before the rest of the program, so it imports little itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
import telegram
from telegram.error import (
    EndPointNotFound,
    InvalidToken,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from bots.telegram_bot.errors import as_seconds
from core.clock import CLOCK, Clock
from core.config import Settings
from core.engines.wire.client import tls
from core.engines.wire.connections import DirectClient
from core.errors import ConfigError, PlatformLocked

log = structlog.get_logger(__name__)

#: Requested at each poll; without it Telegram keeps an older choice.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member", "chat_member"]
FIRST_WAIT_S, MAX_WAIT_S = 1.0, 15.0
#: How long a token may be refused before the process gives up.
GIVE_UP_S = 300.0
#: How long before operators are told. Telegram also rejects good tokens for some seconds.
REPORT_S = 30.0
TOKEN_REMEDY = "Copy the token from @BotFather into TELEGRAM_BOT_TOKEN again."


class Connection(HTTPXRequest):
    """The SDK's connection, except that it never logs a response, and of messages keeps the ids."""

    __slots__ = ()

    def _build_client(self) -> httpx.AsyncClient:
        return DirectClient(**self._client_kwargs)

    def open(self, url: httpx.URL) -> AbstractAsyncContextManager[httpx.Response]:
        """Return the response to a GET, to be read in the context; httpx's errors are raised."""
        return self._client.stream("GET", url)

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the response; raises TelegramError if it is no JSON object."""
        try:
            response = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise TelegramError("Invalid server response") from error
        if not isinstance(response, dict):
            raise TelegramError("Invalid server response")
        result = response.get("result")
        if isinstance(result, dict) and {"message_id", "date", "chat"} <= result.keys():
            # Of a sent message only its id is used. If the SDK could not parse the rest, the
            # message would count as unsent and be sent again.
            chat = {name: result["chat"][name] for name in ("id", "type") if name in result["chat"]}
            kept = {"message_id": result["message_id"], "date": result["date"], "chat": chat}
            response["result"] = kept
        return response


class RawBot(telegram.Bot):
    """The SDK's Bot, which can also return raw updates.

    `get_updates` parses a whole batch at once: one update it cannot parse costs all of them.
    """

    __slots__ = ()

    async def get_raw_updates(
        self, offset: int | None, timeout_s: float, allowed_updates: list[str]
    ) -> list[Any]:
        """Return the updates from `offset` on as Telegram sent them. Raises TelegramError."""
        query = {"offset": offset, "timeout": int(timeout_s), "allowed_updates": allowed_updates}
        try:
            # The SDK calls every method through `_post`, in its subclasses too.
            found = await self._post("getUpdates", query, read_timeout=timeout_s + 10)
        except (LookupError, TypeError, AttributeError) as error:
            raise TelegramError("Invalid server response") from error
        if not isinstance(found, list):
            raise TelegramError("Invalid server response")
        return found


class TelegramClient:
    """One bot's two connections: one for the long poll alone, one for everything else."""

    def __init__(self, settings: Settings) -> None:
        if settings.telegram_bot_token is None:
            raise ConfigError("TELEGRAM_BOT_TOKEN is not set")
        # The SDK's switch for durations as timedelta; without it each one costs a warning.
        os.environ.setdefault("PTB_TIMEDELTA", "true")
        #: Downloads too: they follow calls that have just opened a connection.
        self.calls = Connection(
            read_timeout=30, write_timeout=30, connect_timeout=10, pool_timeout=20,
            media_write_timeout=120, httpx_kwargs={"verify": tls()},
        )  # fmt: skip
        self._polls = Connection(
            connection_pool_size=2, connect_timeout=10, pool_timeout=10,
            httpx_kwargs={"verify": tls()},
        )  # fmt: skip
        self.bot = RawBot(
            settings.telegram_bot_token.get_secret_value(),
            base_url=settings.telegram_api_base_url, base_file_url=settings.telegram_file_base_url,
            request=self.calls, get_updates_request=self._polls,
        )  # fmt: skip
        self._has_webhook = settings.telegram_webhook_url is not None
        #: The first poll, if `start` has sent it; None once it was taken.
        self.first_poll: asyncio.Task[list[Any]] | None = None

    def start(self) -> None:
        """Ask for updates, unless they are delivered. Whoever polls takes `first_poll` first."""
        if self._has_webhook:
            return
        poll = self.bot.get_raw_updates(None, 0.0, ALLOWED_UPDATES)
        self.first_poll = asyncio.create_task(poll)

    async def renew_polls(self) -> None:
        """Replace the long poll's connection, which may be half open."""
        await self._polls.shutdown()
        await self._polls.initialize()

    async def close(self) -> None:
        """Close both connections."""
        if self.first_poll:
            self.first_poll.cancel()
            await asyncio.gather(self.first_poll, return_exceptions=True)
        await asyncio.gather(self.calls.shutdown(), self._polls.shutdown())


@dataclass
class Backoff:
    """Exponential backoff with jitter; gives up only when the token stays refused."""

    _clock: Clock = CLOCK
    _failures: int = 0
    _locked_since_s: float | None = None

    @property
    def is_locked(self) -> bool:
        """True while the token has been refused for `REPORT_S`."""
        since_s = self._locked_since_s
        return since_s is not None and self._clock.monotonic() - since_s >= REPORT_S

    async def wait(self, error: BaseException) -> None:
        """Sleep as long as `error` requires. Raises PlatformLocked after `GIVE_UP_S`."""
        now_s = self._clock.monotonic()
        if not isinstance(error, InvalidToken | EndPointNotFound):
            self._locked_since_s = None
        elif self._locked_since_s is None:
            self._locked_since_s = now_s
        elif now_s - self._locked_since_s >= GIVE_UP_S:
            raise PlatformLocked(f"Telegram rejects the bot's token. {TOKEN_REMEDY}")
        await self._clock.sleep(self._wait_s(error))

    def _wait_s(self, error: BaseException) -> float:
        if isinstance(error, RetryAfter):
            return as_seconds(error.retry_after)
        longest_s = min(MAX_WAIT_S, FIRST_WAIT_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 30)
        return longest_s * random.uniform(0.5, 1.0)
