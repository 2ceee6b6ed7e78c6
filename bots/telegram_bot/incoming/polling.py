"""The loop that asks Telegram for updates.

An update is confirmed by asking for what comes after it, so this happens only once the whole
batch is committed. No offset is kept over a restart: Telegram then shows what is unconfirmed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from telegram.error import (
    Conflict,
    EndPointNotFound,
    InvalidToken,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bots.telegram_bot.client import TelegramClient
from bots.telegram_bot.errors import as_seconds, describe
from bots.telegram_bot.incoming.updates import ALLOWED_UPDATES, POISON
from core import metrics
from core.clock import CLOCK, Clock
from core.errors import PlatformLocked

log = structlog.get_logger(__name__)

#: Telegram keeps an update so long; a longer gap means that some are lost.
RETENTION_S = 24 * 3600
#: After so many tries an update that only makes our own code fail is left out.
POISON_TRIES = 5


#: How long Telegram holds a poll open when there is nothing.
POLL_S = 30.0
#: How much longer than `POLL_S` an answer may take before the connection counts as dead.
GRACE_S = 20.0
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 15.0
#: How long a token may be refused before the process gives up.
GIVE_UP_S = 300.0


class Backoff:
    """Waits longer after each failure; gives up only when the token stays refused."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._failures = 0
        self._locked_since_s: float | None = None

    def reset(self) -> None:
        """Begin anew after a success."""
        self._failures = 0
        self._locked_since_s = None

    async def wait(self, error: BaseException) -> None:
        """Sleep as long as `error` asks for. Raises PlatformLocked once there is no hope."""
        now_s = self._clock.monotonic()
        if not isinstance(error, InvalidToken | EndPointNotFound):
            self._locked_since_s = None
        elif self._locked_since_s is None:
            self._locked_since_s = now_s
        elif now_s - self._locked_since_s >= GIVE_UP_S:
            raise PlatformLocked("Telegram does not take the bot's token")
        await self._clock.sleep(self._wait_s(error))

    def _wait_s(self, error: BaseException) -> float:
        if isinstance(error, RetryAfter):
            return as_seconds(error.retry_after)
        longest_s = min(MAX_WAIT_S, FIRST_WAIT_S * 2.0**self._failures)
        self._failures = min(self._failures + 1, 30)
        return longest_s * random.uniform(0.5, 1.0)


class Polling:
    """Fetches batches for ever and confirms each once `take` has committed all of it."""

    def __init__(
        self,
        client: TelegramClient,
        take: Callable[[dict[str, Any]], Awaitable[None]],
        clock: Clock = CLOCK,
    ) -> None:
        self._client = client
        self._take = take
        self._clock = clock
        self._patience = Backoff(clock)
        self._commit_patience = Backoff(clock)
        self._offset: int | None = None
        self._good_at_s: float | None = None
        self._good_wall_s = self._clock.now().timestamp()
        self._is_failing = True
        self._is_keeping = True
        self._tries: dict[int, int] = {}

    @property
    def poll_age_s(self) -> float:
        """How long ago Telegram last answered, infinite if never."""
        if self._good_at_s is None:
            return float("inf")
        return self._clock.monotonic() - self._good_at_s

    @property
    def is_ready(self) -> bool:
        """Tell whether updates come in and are kept.

        False at the latest `POLL_S + GRACE_S` after a break, and while the disk is full.
        """
        return self._is_keeping and self.poll_age_s < POLL_S + GRACE_S

    async def run(self) -> None:
        """Poll until cancelled. Raises PlatformLocked if the token stays refused."""
        metrics.POLL_AGE.set_function(lambda: self.poll_age_s)
        while True:
            try:
                batch = await self._fetch()
            except (TelegramError, TimeoutError) as error:
                await self._recover(error)
                continue
            self._note_success()
            await self._commit(batch)

    async def _fetch(self) -> list[Any]:
        # After a failure and at the start an answer at once tells that all is well again.
        poll_s = 0.0 if self._is_failing else POLL_S
        # A total deadline: a connection that drips a byte now and then never times out by itself.
        async with asyncio.timeout(poll_s + GRACE_S):
            return await self._client.bot.get_raw_updates(self._offset, poll_s, ALLOWED_UPDATES)

    async def _recover(self, error: TelegramError | TimeoutError) -> None:
        self._is_failing = True
        detail = describe(error)
        if isinstance(error, Conflict):
            # Says which: another process with this token, or a webhook that is set.
            log.error("telegram_conflict", detail=detail)
        else:
            log.warning("telegram_poll_failed", detail=detail)
        if isinstance(error, TimeoutError | TimedOut):
            await self._client.renew_polls()
        await self._patience.wait(error)

    def _note_success(self) -> None:
        now_s, wall_s = self._clock.monotonic(), self._clock.now().timestamp()
        if wall_s - self._good_wall_s > RETENTION_S:
            log.error("telegram_gap", hours=round((wall_s - self._good_wall_s) / 3600, 1))
        self._good_at_s, self._good_wall_s, self._is_failing = now_s, wall_s, False
        self._patience.reset()

    async def _commit(self, batch: list[Any]) -> None:
        """Hand in a batch; if that fails the same batch is fetched again."""
        offset: int | None = None
        for raw in batch:
            update_id = _read_id(raw)
            if update_id is None:
                log.error("telegram_update_without_id")
                continue
            # Whatever fails, it must not end the loop, and the update stays unconfirmed.
            (error,) = await asyncio.gather(self._take(raw), return_exceptions=True)
            if isinstance(error, BaseException) and not self._is_hopeless(update_id, error):
                self._is_keeping = False
                log.error("telegram_not_committed", update_id=update_id, error=type(error).__name__)
                await self._commit_patience.wait(error)
                return
            self._is_keeping = True
            offset = max(offset or 0, update_id + 1)
        if batch and offset in (None, self._offset):
            await self._commit_patience.wait(LookupError("nothing that can be confirmed"))
        else:
            self._commit_patience.reset()
        if offset is not None:
            # The last batch alone decides: after a week of rest ids go on anew, perhaps far below.
            self._offset = offset
        self._tries.clear()

    def _is_hopeless(self, update_id: int, error: BaseException) -> bool:
        """Tell whether to leave an update out: only our own code fails on it, again and again."""
        if not isinstance(error, POISON) or isinstance(error, OSError):
            return False
        self._tries[update_id] = self._tries.get(update_id, 0) + 1
        if self._tries[update_id] < POISON_TRIES:
            return False
        log.error("telegram_update_skipped", update_id=update_id, error=type(error).__name__)
        return True


def _read_id(raw: object) -> int | None:
    update_id = raw.get("update_id") if isinstance(raw, dict) else None
    return update_id if isinstance(update_id, int) and not isinstance(update_id, bool) else None
