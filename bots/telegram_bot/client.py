"""The SDK's Bot with our connections: raw updates, and answers that are never logged."""

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
    """Raise TimedOut after `limit_s`: a connection's own timeouts begin anew with each byte."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise TimedOut from None


class Connection(HTTPXRequest):
    """The SDK's connection, except that it never logs an answer that is no JSON."""

    __slots__ = ()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return what the server said; raises TelegramError if it is no JSON object."""
        try:
            answer = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise TelegramError("Invalid server response") from error
        if not isinstance(answer, dict):
            raise TelegramError("Invalid server response")
        return answer


class RawBot(telegram.Bot):
    """The SDK's Bot, which can also hand out updates unread.

    `get_updates` reads a whole batch at once: one update it cannot read costs all of them.
    """

    __slots__ = ()

    async def _post(self, endpoint: str, *arguments: Any, **named: Any) -> Any:
        # A message that was sent, and cannot be read, would count as unsent and go out again.
        return _cut_message(await super()._post(endpoint, *arguments, **named))

    async def get_raw_updates(
        self, offset: int | None, timeout_s: float, allowed_updates: list[str]
    ) -> list[Any]:
        """Return the updates from `offset` on as Telegram wrote them.

        Raises TelegramError.
        """
        asked = {"offset": offset, "timeout": int(timeout_s), "allowed_updates": allowed_updates}
        try:
            # The SDK's own way for every method, overridden in its subclasses too.
            found = await self._post("getUpdates", asked, read_timeout=timeout_s + 10)
        except (LookupError, TypeError, AttributeError) as error:
            raise TelegramError("Invalid server response") from error
        if not isinstance(found, list):
            raise TelegramError("Invalid server response")
        return found


def _cut_message(result: Any) -> Any:
    """Return what a call made, a message cut down to what is of use: its id."""
    if not isinstance(result, dict) or not {"message_id", "date", "chat"} <= result.keys():
        return result
    chat = result["chat"]
    place = {name: chat[name] for name in ("id", "type") if name in chat}
    return {"message_id": result["message_id"], "date": result["date"], "chat": place}


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
        """Leave the long poll's connection, which may be half open, for a new one."""
        await self._polls.shutdown()
        await self._polls.initialize()

    async def close(self) -> None:
        """Close both connections."""
        await asyncio.gather(self._calls.shutdown(), self._polls.shutdown())
