"""The SDK's Bot over our own connections: raw updates, and no response is ever logged."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import telegram
from telegram.error import TelegramError, TimedOut
from telegram.request import HTTPXRequest

from core.config import Settings
from core.engines.wire.tls import tls
from core.errors import ConfigError


@asynccontextmanager
async def deadline(limit_s: float) -> AsyncIterator[None]:
    """Raise TimedOut after `limit_s`: a connection's own timeouts restart with each byte."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise TimedOut from None


class Connection(HTTPXRequest):
    """The SDK's connection, except that it never logs a response that is not JSON."""

    __slots__ = ()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the response; raises TelegramError if it is no JSON object."""
        try:
            response = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise TelegramError("Invalid server response") from error
        if not isinstance(response, dict):
            raise TelegramError("Invalid server response")
        return response


class RawBot(telegram.Bot):
    """The SDK's Bot, which can also return raw updates.

    `get_updates` parses a whole batch at once: one update it cannot parse costs all of them.
    """

    __slots__ = ()

    async def _post(self, endpoint: str, *arguments: Any, **named: Any) -> Any:
        result = await super()._post(endpoint, *arguments, **named)
        if not isinstance(result, dict) or not {"message_id", "date", "chat"} <= result.keys():
            return result
        # Of a sent message only its id is used. If the SDK could not parse the rest, the message
        # would count as unsent and be sent again.
        chat = {name: result["chat"][name] for name in ("id", "type") if name in result["chat"]}
        return {"message_id": result["message_id"], "date": result["date"], "chat": chat}

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
    """One bot's two connections: one for the long poll alone, one for all other calls."""

    def __init__(self, settings: Settings) -> None:
        if settings.telegram_bot_token is None:
            raise ConfigError("TELEGRAM_BOT_TOKEN is not set")
        # The SDK's switch for durations as timedelta; without it each one costs a warning.
        os.environ.setdefault("PTB_TIMEDELTA", "true")
        self._calls = Connection(
            read_timeout=30, write_timeout=30, connect_timeout=10, pool_timeout=20,
            media_write_timeout=120, httpx_kwargs={"verify": tls()},
        )  # fmt: skip
        self._polls = Connection(
            connection_pool_size=2, connect_timeout=10, pool_timeout=10,
            httpx_kwargs={"verify": tls()},
        )  # fmt: skip
        self.bot = RawBot(
            settings.telegram_bot_token.get_secret_value(),
            base_url=settings.telegram_api_base_url,
            base_file_url=settings.telegram_file_base_url,
            request=self._calls,
            get_updates_request=self._polls,
        )

    async def renew_polls(self) -> None:
        """Replace the long poll's connection, which may be half open."""
        await self._polls.shutdown()
        await self._polls.initialize()

    async def close(self) -> None:
        """Close both connections."""
        await asyncio.gather(self._calls.shutdown(), self._polls.shutdown())
