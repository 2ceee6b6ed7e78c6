"""A bot to which the virtual Telegram delivers updates, behind the web server of its process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bots.intakes import list_intakes
from bots.telegram_bot.bot import TelegramBot
from core.config import Settings
from core.setting_types import TELEGRAM_WEBHOOK_PATH
from tests.emulators.telegram import TelegramServer
from tests.support.telegram_inbox import settings_for
from tests.support.virtual_time import current_clock

SECRET = "canary-0123456789_ABCDEFGHIJKLMNOP"
HEADERS = {
    "X-Telegram-Bot-Api-Secret-Token": SECRET,
    "Content-Type": "application/json",
    # The name by which a proxy in front knows it.
    "Host": "bot.example.org",
}


def find_port() -> int:
    """Return a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def build_url(port: int) -> str:
    """Return the address of the webhook on this machine."""
    return f"http://127.0.0.1:{port}{TELEGRAM_WEBHOOK_PATH}"


def webhook_settings(telegram: TelegramServer, **values: Any) -> Settings:
    """Return settings for a bot to which this virtual Telegram delivers."""
    port = values.setdefault("web_port", find_port())
    own = {"telegram_webhook_url": build_url(port), "telegram_webhook_secret": SECRET}
    return settings_for(telegram, **(own | values))


@asynccontextmanager
async def serving(bot: TelegramBot, settings: Settings) -> AsyncIterator[TelegramBot]:
    """Run a bot and the web server with its endpoint, and stop both as the program does."""
    platforms: dict[str, Any] = {"telegram": bot}
    intakes = list_intakes(settings, platforms, current_clock())
    assert [*intakes] == ["telegram", "server"]
    tasks = [asyncio.create_task(one) for one in intakes.values()]
    try:
        yield bot
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bot.close()
