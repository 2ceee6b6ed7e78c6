"""The long poll: batches of updates, each committed and then confirmed.

An update is confirmed by requesting a higher offset, so this happens only once the whole batch
is committed. No offset survives a restart: Telegram then returns what is unconfirmed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from telegram.error import Conflict, TelegramError, TimedOut

from bots.telegram_bot.client import ALLOWED_UPDATES, Backoff, TelegramClient
from bots.telegram_bot.errors import describe, is_webhook_set
from bots.telegram_bot.poison import PoisonTries, Take
from core import metrics
from core.clock import CLOCK, Clock

log = structlog.get_logger(__name__)

#: How long Telegram keeps an update; after a longer gap some are lost.
RETENTION_S = 24 * 3600
#: How long Telegram holds a poll open when there are no updates.
POLL_S = 30.0
#: How much longer than `POLL_S` a response may take before the connection counts as dead.
GRACE_S = 20.0


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
        """Hand in a batch; if that fails, the same batch is fetched again.

        Chats wait for their own updates only, as with a webhook.
        """
        offset, chats = self._group(batch)
        commits = await asyncio.gather(*(self._commit_chat(updates) for updates in chats))
        error = next((error for error in commits if error is not None), None)
        self._is_committing = error is None
        if error is not None:
            await self._commit_backoff.wait(error)
            return
        if batch and offset in (None, self._offset):
            await self._commit_backoff.wait(LookupError("nothing to confirm"))
        else:
            self._commit_backoff = Backoff(self._clock)
        if offset is not None:
            # Only the last batch counts: after a week without updates ids restart, maybe lower.
            self._offset = offset

    @staticmethod
    def _group(batch: list[Any]) -> tuple[int | None, list[list[dict[str, Any]]]]:
        """Return the offset that confirms a batch, and its updates by chat, each in order."""
        offset: int | None = None
        chats: dict[int | None, list[dict[str, Any]]] = {}
        for raw in batch:
            update_id = raw.get("update_id") if isinstance(raw, dict) else None
            if type(update_id) is not int:
                log.error("telegram_update_without_id")
                continue
            chats.setdefault(find_chat_id(raw), []).append(raw)
            offset = max(offset or 0, update_id + 1)
        return offset, [*chats.values()]

    async def _commit_chat(self, updates: list[dict[str, Any]]) -> BaseException | None:
        """Hand in the updates of a chat. Return the error at which that ended, None if all went."""
        for raw in updates:
            update_id = raw["update_id"]
            # No failure may end the loop; the update stays unconfirmed.
            (error,) = await asyncio.gather(self._take(raw), return_exceptions=True)
            if error is not None and not self._tries.is_hopeless(update_id, error):
                return error
            self._tries.pop(update_id, None)
        return None


def find_chat_id(raw: dict[str, Any]) -> int | None:
    """Return the chat that an update is about, None for whatever has another shape.

    A group that becomes a supergroup is announced in both, which may come in any order.
    """
    for about in raw.values():
        if not isinstance(about, dict):
            continue
        message = about.get("message")  # of a button that was pressed
        chat = (message if isinstance(message, dict) else about).get("chat")
        if isinstance(chat, dict) and type(chat.get("id")) is int:
            return int(chat["id"])
    return None
