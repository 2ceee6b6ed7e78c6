"""A virtual Telegram and a bot that talks to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bots.telegram_bot import TelegramBot
from core.clock import Clock
from core.config import Settings
from tests.emulators.telegram import TelegramServer
from tests.support.telegram_inbox import FakeInbox, make_settings


@pytest.fixture(autouse=True)
def timedelta_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
def settings(telegram: TelegramServer) -> Settings:
    return make_settings(
        telegram_bot_token=telegram.token,
        telegram_api_base_url=telegram.api_base_url,
        telegram_file_base_url=telegram.file_base_url,
    )


@pytest.fixture
def door() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
async def bot(settings: Settings, door: FakeInbox, clock: Clock) -> AsyncIterator[TelegramBot]:
    """A bot that sends but does not receive."""
    bot = TelegramBot(settings, door, menu=(), clock=clock)
    yield bot
    await bot.close()


@pytest.fixture
async def running(bot: TelegramBot, telegram: TelegramServer) -> AsyncIterator[TelegramBot]:
    """A bot that receives."""
    task = asyncio.create_task(bot.run())
    await telegram.wait_for(lambda: bot.is_ready or task.done())
    yield bot
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
