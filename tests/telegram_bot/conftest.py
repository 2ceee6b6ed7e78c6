"""A virtual Telegram, a bot that talks to it, and somebody in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.telegram_bot import TelegramBot
from core.clock import Clock
from core.config import Settings
from tests.emulators.telegram import TelegramServer
from tests.support.telegram_inbox import FakeInbox, receiving, settings_for


@pytest.fixture(autouse=True)
def timedelta_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
def settings(telegram: TelegramServer) -> Settings:
    return settings_for(telegram)


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
    async with receiving(bot):
        await telegram.wait_for(lambda: bot.is_ready)
        yield bot


@pytest.fixture
def ann(telegram: TelegramServer) -> int:
    """A person, and the private chat with her."""
    return telegram.add_user("Ann")


@pytest.fixture
def group(telegram: TelegramServer, ann: int) -> int:
    """A group that Ann is in."""
    return telegram.add_chat(members={ann: "member"})
