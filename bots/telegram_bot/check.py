"""Account check for `hearsay doctor`: what Telegram says about the bot before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from telegram import Bot
from telegram.error import TelegramError

from bots.telegram_bot.client import Connection
from bots.telegram_bot.errors import read_error
from core.config import Settings

_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class TelegramAccount:
    """The account that a token belongs to."""

    username: str
    #: Where updates are delivered, empty if they are polled. A foreign one may hold a secret.
    webhook_url: str
    #: Why the last delivery failed, empty if none has, or if nothing waits any more.
    webhook_error: str
    #: Updates not fetched or delivered yet.
    pending: int
    #: False while privacy mode hides group messages that do not address the bot.
    can_read_groups: bool
    #: Telegram's clock: the Date header, empty if there was none.
    date: str


async def ask_account(settings: Settings) -> TelegramAccount:
    """Return the account of the configured token. Raises PlatformLocked, other PlatformErrors."""
    dates: list[str] = []

    async def note_date(response: Any) -> None:
        dates.append(response.headers.get("date", ""))

    hooks = {"event_hooks": {"response": [note_date]}}
    connection = Connection(
        read_timeout=_DEADLINE_S, connect_timeout=_DEADLINE_S, httpx_kwargs=hooks
    )
    token = settings.secret("telegram_bot_token") or ""
    try:
        bot = Bot(token, base_url=settings.telegram_api_base_url, request=connection)
        return await _ask(bot, dates)
    except TelegramError as error:
        raise read_error(error) from None
    finally:
        await connection.shutdown()


async def _ask(bot: Bot, dates: list[str]) -> TelegramAccount:
    me = await bot.get_me()
    webhook = await bot.get_webhook_info()
    return TelegramAccount(
        username=me.username or "",
        webhook_url=webhook.url,
        webhook_error=(webhook.last_error_message or "") if webhook.pending_update_count else "",
        pending=webhook.pending_update_count,
        can_read_groups=bool(me.can_read_all_group_messages),
        date=dates[-1],
    )
