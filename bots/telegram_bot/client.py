"""The connection to the Bot API: the SDK's Bot with raw updates, and the long poll.

An update is confirmed by requesting a higher offset, so this happens only once the whole batch
is committed. No offset survives a restart: Telegram then returns what is unconfirmed.
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
    Conflict,
    EndPointNotFound,
    InvalidToken,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from bots.telegram_bot.errors import as_seconds, describe, is_webhook_set
from bots.telegram_bot.poison import PoisonTries, Take
from core import metrics
from core.clock import CLOCK, Clock
from core.config import Settings
from core.engines.wire.client import tls
from core.engines.wire.connections import DirectClient
from core.errors import ConfigError, PlatformLocked

log = structlog.get_logger(__name__)

#: Requested at each poll; without it Telegram keeps an older choice.
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member", "chat_member"]
#: How long Telegram keeps an update; after a longer gap some are lost.
RETENTION_S = 24 * 3600
#: How long Telegram holds a poll open when there are no updates.
POLL_S = 30.0
#: How much longer than `POLL_S` a response may take before the connection counts as dead.
GRACE_S = 20.0
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


class Polling:
    """Fetches batches of updates and confirms each once `take` has committed all of it."""

    def __init__(self, client: TelegramClient, take: Take, clock: Clock = CLOCK) -> None:
        self._client = client
        self._take = take
        self._clock = clock
        self._poll_backoff = Backoff(clock)
        self._commit_backoff = Backoff(clock)
        self._offset: int | None = None
        self._good_at_s = float("-inf")
        self._good_wall_s = self._clock.now().timestamp()
        self._is_failing = True
        self._is_committing = True
        self._tries = PoisonTries()

    @property
    def poll_age_s(self) -> float:
        """Seconds since Telegram last answered, infinite if it never did."""
        return self._clock.monotonic() - self._good_at_s

    @property
    def is_ready(self) -> bool:
        """True while updates come in and can be committed.

        False at the latest `POLL_S + GRACE_S` after a break, and while the disk is full.
        """
        return self._is_committing and self.poll_age_s < POLL_S + GRACE_S

    @property
    def is_locked(self) -> bool:
        """True while the token has been refused for `REPORT_S`."""
        return self._poll_backoff.is_locked

    async def run(self) -> None:
        """Poll until cancelled. Raises PlatformLocked if the token stays refused."""
        metrics.POLL_AGE.set_function(lambda: self.poll_age_s)
        while True:
            # After a failure and at the start an immediate answer shows that all is well again.
            poll_s = 0.0 if self._is_failing else POLL_S
            try:
                # A total deadline: a connection that trickles bytes never times out by itself.
                async with asyncio.timeout(poll_s + GRACE_S):
                    first, self._client.first_poll = self._client.first_poll, None
                    batch = await (
                        first
                        or self._client.bot.get_raw_updates(self._offset, poll_s, ALLOWED_UPDATES)
                    )
            except (TelegramError, TimeoutError) as error:
                await self._recover(error)
            else:
                self._is_failing, self._good_at_s = False, self._clock.monotonic()
                before_s, self._good_wall_s = self._good_wall_s, self._clock.now().timestamp()
                if (gap_s := self._good_wall_s - before_s) > RETENTION_S:
                    log.error("telegram_gap", hours=round(gap_s / 3600, 1))
                self._poll_backoff = Backoff(self._clock)
                await self._commit(batch)

    async def _recover(self, error: TelegramError | TimeoutError) -> None:
        self._is_failing = True
        detail = describe(error)
        if isinstance(error, Conflict):
            if await self._remove_webhook(error):
                return
            # The detail says which: another process with this token, or a webhook.
            log.error("telegram_conflict", detail=detail)
        else:
            log.warning("telegram_poll_failed", detail=detail)
        if isinstance(error, TimeoutError | TimedOut):
            await self._client.renew_polls()
        await self._poll_backoff.wait(error)

    async def _remove_webhook(self, error: Conflict) -> bool:
        """Remove a webhook; return whether there was one. One set after a good poll stays."""
        if not is_webhook_set(error) or self._good_at_s > float("-inf"):
            return False
        try:
            # What has not been delivered stays, and is polled.
            await self._client.bot.delete_webhook()
        except TelegramError as failure:
            log.warning("telegram_webhook_not_removed", detail=describe(failure))
            return False
        log.warning("telegram_webhook_removed")
        return True

    async def _commit(self, batch: list[Any]) -> None:
        """Hand in a batch; if that fails, the same batch is fetched again."""
        offset: int | None = None
        for raw in batch:
            update_id = raw.get("update_id") if isinstance(raw, dict) else None
            if type(update_id) is not int:
                log.error("telegram_update_without_id")
                continue
            # No failure may end the loop; the update stays unconfirmed.
            (error,) = await asyncio.gather(self._take(raw), return_exceptions=True)
            if error is not None and not self._tries.is_hopeless(update_id, error):
                self._is_committing = False
                await self._commit_backoff.wait(error)
                return
            self._tries.pop(update_id, None)
            self._is_committing = True
            offset = max(offset or 0, update_id + 1)
        if batch and offset in (None, self._offset):
            await self._commit_backoff.wait(LookupError("nothing to confirm"))
        else:
            self._commit_backoff = Backoff(self._clock)
        if offset is not None:
            # Only the last batch counts: after a week without updates ids restart, maybe lower.
            self._offset = offset
