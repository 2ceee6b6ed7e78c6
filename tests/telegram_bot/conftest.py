"""Fixtures: an emulated Telegram, a bot connected to it, a person and a group."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.clock import Clock
from core.config import Settings
from core.store import Store
from tests.emulators.telegram import TelegramServer as Server
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.telegram_inbox import FakeInbox, receiving, settings_for


@pytest.fixture(autouse=True)
def timedelta_durations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
def settings(telegram: Server) -> Settings:
    return settings_for(telegram)


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


@pytest.fixture
async def bot(settings: Settings, inbox: FakeInbox, clock: Clock) -> AsyncIterator[Bot]:
    """A bot that sends but does not receive."""
    bot = Bot(settings, inbox, menu=(), clock=clock)
    yield bot
    await bot.close()


@pytest.fixture
async def running(bot: Bot, telegram: Server) -> AsyncIterator[Bot]:
    """A bot that receives."""
    async with receiving(bot):
        await telegram.wait_for(lambda: bot.is_ready)
        yield bot


@pytest.fixture
async def whole(
    telegram: Server, settings: Settings, store: Store, clock: Clock
) -> AsyncIterator[Loopback]:
    """The whole assistant on a real store, and a bot on an emulated Telegram."""
    loopback = Loopback(store, ScriptedTranscriber())
    bot = Bot(settings, loopback.inbox, menu=(), clock=clock)
    loopback.inbox.platforms["telegram"] = bot  # type: ignore[index]
    async with loopback.running(), receiving(bot):
        yield loopback


@pytest.fixture
def ann(telegram: Server) -> int:
    """A person, and the private chat with her."""
    return telegram.add_user("Ann")


@pytest.fixture
def group(telegram: Server, ann: int) -> int:
    """A group that Ann is in."""
    return telegram.add_chat(members={ann: "member"})
