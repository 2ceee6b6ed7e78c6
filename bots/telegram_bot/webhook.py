"""Telegram's webhook: set at the start, looked after while the program runs, left at the end.

It stays set, because Telegram keeps updates for the next start, and other processes may serve the
same address.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from telegram import Bot, WebhookInfo
from telegram.error import TelegramError

from bots.telegram_bot.client import ALLOWED_UPDATES, Backoff
from bots.telegram_bot.errors import MAX_DETAIL_CHARS, describe
from bots.telegram_bot.incoming.endpoint import UpdateEndpoint
from bots.telegram_bot.poison import Take
from core import metrics
from core.clock import CLOCK, Clock
from core.config import Settings

log = structlog.get_logger(__name__)

#: How often Telegram is asked whether it still delivers, and how long that may take.
CHECK_S, LIMIT_S = 30.0, 25.0
#: Connections that Telegram may use at once; of a chat it delivers one update at a time.
MAX_CONNECTIONS = 40


class Webhook:
    """Keeps the webhook set, and knows whether Telegram reaches it."""

    def __init__(self, bot: Bot, settings: Settings, take: Take, clock: Clock = CLOCK) -> None:
        """Settings with TELEGRAM_WEBHOOK_URL have its secret, too."""
        self._bot = bot
        self._url = settings.telegram_webhook_url or ""
        self._secret = settings.secret("telegram_webhook_secret") or ""
        self._clock = clock
        self._backoff = Backoff(clock)
        self._good_at_s = float("-inf")
        self._was_set = self._is_reached = False
        self._failed_at: datetime | None = None
        #: Where the updates arrive, to be mounted on the web server.
        self.endpoint = UpdateEndpoint(self._secret, take)

    @property
    def poll_age_s(self) -> float:
        """Seconds since Telegram last confirmed the webhook, infinite if it never did."""
        return self._clock.monotonic() - self._good_at_s

    @property
    def is_ready(self) -> bool:
        """True while Telegram delivers updates here, or would, and they can be committed."""
        return self._is_reached and self.endpoint.is_open and self.endpoint.is_committing

    @property
    def is_locked(self) -> bool:
        """True while the token has been refused for half a minute."""
        return self._backoff.is_locked

    async def run(self) -> None:
        """Take updates until cancelled. Raises PlatformLocked if the token stays refused."""
        metrics.POLL_AGE.set_function(lambda: self.poll_age_s)
        self.endpoint.is_open = True
        try:
            while True:
                try:
                    # A total deadline: a connection that trickles bytes never times out by itself.
                    async with asyncio.timeout(LIMIT_S):
                        await self._check()
                except (TelegramError, TimeoutError) as error:
                    self._is_reached = False
                    log.warning("telegram_webhook_failed", detail=describe(error))
                    await self._backoff.wait(error)
                else:
                    self._backoff, self._good_at_s = Backoff(self._clock), self._clock.monotonic()
                    await self._clock.sleep(CHECK_S)
        finally:
            self.endpoint.is_open = False

    async def _check(self) -> None:
        """Set the webhook at the start and whenever it is gone. Raises TelegramError."""
        info = await self._bot.get_webhook_info() if self._was_set else None
        if info and info.url != self._url:
            # Perhaps another program uses this token. The foreign address may hold a secret.
            log.error("telegram_webhook_replaced")
            info = None
        if info is None:
            self._is_reached = False
            await self._bot.set_webhook(
                self._url,
                max_connections=MAX_CONNECTIONS,
                allowed_updates=ALLOWED_UPDATES,
                secret_token=self._secret,
            )
            log.info("telegram_webhook_set", url=self._url)
            info = await self._bot.get_webhook_info()
        self._is_reached = not self._is_failing(info)
        self._was_set = True

    def _is_failing(self, info: WebhookInfo) -> bool:
        """Return whether deliveries have failed since the last check, and have not succeeded."""
        failed_at, self._failed_at = self._failed_at, info.last_error_date
        if info.last_error_date in (None, failed_at):
            return False
        detail = (info.last_error_message or "")[:MAX_DETAIL_CHARS]
        log.warning(
            "telegram_webhook_not_reached", detail=detail, pending=info.pending_update_count
        )
        # What failed before the start, while nothing was here, says nothing yet.
        return self._was_set and info.pending_update_count > 0
