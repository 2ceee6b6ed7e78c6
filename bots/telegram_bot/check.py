"""What can be found out about a bot before it starts: for `hearsay doctor`."""

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
    """What Telegram says of the bot behind a token."""

    username: str
    #: True when updates go to a web address: then they cannot be polled.
    has_webhook: bool
    #: Updates that wait for us.
    pending: int
    #: False while privacy mode hides what is not meant for the bot in groups.
    can_read_groups: bool
    #: Telegram's clock as the Date header says it, empty if it does not.
    date: str


async def ask_account(settings: Settings) -> TelegramAccount:
    """Return what Telegram says of the token. Raises PlatformLocked, other PlatformErrors."""
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
        has_webhook=bool(webhook.url),
        pending=webhook.pending_update_count,
        can_read_groups=bool(me.can_read_all_group_messages),
        date=dates[-1],
    )
