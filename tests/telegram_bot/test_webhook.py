"""Updates that Telegram delivers: the webhook is set and kept, nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.client import ALLOWED_UPDATES, GIVE_UP_S
from bots.telegram_bot.webhook import CHECK_S
from core.clock import Clock
from core.config import Settings
from core.errors import PlatformLocked
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import FakeInbox, receiving
from tests.support.telegram_webhook import (
    SECRET,
    serving,
    webhook_settings,
)


@pytest.fixture
def settings(telegram: Server) -> Settings:
    return webhook_settings(telegram)


@pytest.fixture
async def served(telegram: Server, settings: Settings, bot: Bot) -> AsyncIterator[Bot]:
    """A bot that receives by webhook."""
    async with serving(bot, settings):
        await telegram.wait_for(lambda: bot.is_ready)
        yield bot


def texts(inbox: FakeInbox) -> list[str]:
    return [message.text for message in inbox.messages]


def list_events(logs: Any) -> list[str]:
    return [log["event"] for log in logs if log["event"].startswith("telegram_")]


def url_of(telegram: Server) -> str:
    return str(telegram.webhook()["url"])


async def test_the_webhook_is_set_and_updates_arrive(
    telegram: Server, served: Bot, inbox: FakeInbox, settings: Settings, clock: Clock, ann: int
) -> None:
    [request] = telegram.requests_to("setWebhook")
    assert request.params["url"] == settings.telegram_webhook_url
    assert request.params["secret_token"] == SECRET
    assert request.params["max_connections"] == "40"
    assert all(kind in request.params["allowed_updates"] for kind in ALLOWED_UPDATES)
    assert "drop_pending_updates" not in request.params
    started_s = clock.monotonic()
    note = telegram.send_voice(ann, ann, b"OggS", duration=4)
    await telegram.wait_for(lambda: telegram.reactions(ann, note) == ["👀"])
    assert clock.monotonic() - started_s < 1
    assert [one.message_id for one in inbox.messages] == [str(note)]
    assert telegram.pending() == []
    await clock.sleep(3600)
    assert served.is_ready and not telegram.requests_to("getUpdates")
    assert len(telegram.requests_to("setWebhook")) == 1


async def test_it_stays_set_at_the_end_and_what_comes_meanwhile_is_delivered_later(
    telegram: Server, settings: Settings, inbox: FakeInbox, clock: Clock, ann: int
) -> None:
    for text in ("one", "two"):
        async with serving(Bot(settings, inbox, menu=(), clock=clock), settings) as bot:
            telegram.send_text(ann, ann, text)
            await telegram.wait_for(lambda: not telegram.pending(), 200)
        assert url_of(telegram) == settings.telegram_webhook_url
        assert not bot.is_ready
        telegram.send_text(ann, ann, f"{text} later")
        await clock.sleep(5)
    assert texts(inbox) == ["one", "one later", "two"]
    assert len(telegram.pending()) == 1 and not telegram.requests_to("deleteWebhook")


async def test_before_the_login_updates_wait(
    telegram: Server, settings: Settings, inbox: FakeInbox, clock: Clock, ann: int
) -> None:
    async with serving(Bot(settings, inbox, menu=(), clock=clock), settings):
        telegram.send_text(ann, ann, "first")
        await telegram.wait_for(lambda: inbox.messages)
    telegram.fault("getMe", "status", status=500, count=3)
    telegram.send_text(ann, ann, "second")
    async with serving(Bot(settings, inbox, menu=(), clock=clock), settings):
        await telegram.wait_for(lambda: len(inbox.messages) == 2, 200)
    assert 503 in [one.status for one in telegram.deliveries]


async def test_polling_removes_a_webhook_and_gets_what_waits(
    telegram: Server, settings: Settings, inbox: FakeInbox, clock: Clock, ann: int
) -> None:
    async with serving(Bot(settings, inbox, menu=(), clock=clock), settings):
        await telegram.wait_for(lambda: url_of(telegram))
    telegram.send_text(ann, ann, "meanwhile")
    await clock.sleep(2)  # Telegram refuses two changes within a second
    polls = settings.model_copy(update={"telegram_webhook_url": None})
    # A failure of the removal is no end of it.
    telegram.fault("deleteWebhook", "status", status=500)
    with capture_logs() as logs:
        async with receiving(Bot(polls, inbox, menu=(), clock=clock)) as bot:
            await telegram.wait_for(lambda: inbox.messages)
            await telegram.wait_for(lambda: bot.is_ready)
            telegram.send_text(ann, ann, "later")
            await telegram.wait_for(lambda: len(inbox.messages) == 2)
    assert texts(inbox) == ["meanwhile", "later"]
    assert len(telegram.requests_to("deleteWebhook")) == 2
    events = list_events(logs)
    assert "telegram_webhook_not_removed" in events and "telegram_webhook_removed" in events


async def test_a_webhook_that_is_set_while_polling_is_left_alone(
    telegram: Server, settings: Settings, inbox: FakeInbox, clock: Clock
) -> None:
    polls = settings.model_copy(update={"telegram_webhook_url": None})
    async with receiving(Bot(polls, inbox, menu=(), clock=clock)) as bot:
        await telegram.wait_for(lambda: bot.is_ready)
        await bot._client.bot.set_webhook("http://127.0.0.1:1/other")
        with capture_logs() as logs:
            await clock.sleep(120)
        assert not bot.is_ready
    assert url_of(telegram).endswith("/other") and not telegram.requests_to("deleteWebhook")
    assert {*list_events(logs)} == {"telegram_conflict"}


@pytest.mark.parametrize("other", ["http://127.0.0.1:1/canary-in-a-path", ""])
async def test_a_webhook_that_is_replaced_is_set_again(
    telegram: Server, served: Bot, settings: Settings, clock: Clock, other: str
) -> None:
    await clock.sleep(2)
    await served._client.bot.set_webhook(other)
    with capture_logs() as logs:
        await clock.sleep(CHECK_S)
    assert url_of(telegram) == settings.telegram_webhook_url and served.is_ready
    assert list_events(logs) == ["telegram_webhook_replaced", "telegram_webhook_set"]
    assert "canary-in" not in str(logs) and SECRET not in str(logs)


async def test_it_is_not_ready_while_telegram_does_not_reach_it(
    telegram: Server, settings: Settings, inbox: FakeInbox, clock: Clock, ann: int
) -> None:
    bot = Bot(settings, inbox, menu=(), clock=clock)
    async with receiving(bot):  # without the web server
        await telegram.wait_for(lambda: bot.is_ready)
        telegram.send_text(ann, ann, "hello")
        with capture_logs() as logs:
            await clock.sleep(2 * CHECK_S)
        assert not bot.is_ready and not bot.is_locked
    told = [log for log in logs if log["event"] == "telegram_webhook_not_reached"]
    assert told and told[0]["detail"] == "Connection refused" and told[0]["pending"] == 1
    with capture_logs() as logs:
        async with serving(Bot(settings, inbox, menu=(), clock=clock), settings) as bot:
            # An old failure is told, and says nothing about now.
            await telegram.wait_for(lambda: bot.is_ready)
            await telegram.wait_for(lambda: inbox.messages, 200)
            await clock.sleep(2 * CHECK_S)
            assert bot.is_ready
    assert "telegram_webhook_not_reached" in list_events(logs)


async def test_it_is_not_ready_while_telegram_does_not_answer(
    telegram: Server, served: Bot, clock: Clock, ann: int, inbox: FakeInbox
) -> None:
    telegram.fault("getWebhookInfo", "status", status=500, count=3)
    telegram.fault("getWebhookInfo", "hang")
    await clock.sleep(CHECK_S)
    assert not served.is_ready
    telegram.send_text(ann, ann, "taken all the same")
    await telegram.wait_for(lambda: inbox.messages)
    await telegram.wait_for(lambda: served.is_ready, 120)


async def test_it_waits_as_long_as_telegram_says(
    telegram: Server, settings: Settings, bot: Bot
) -> None:
    telegram.fault("setWebhook", "status", status=429, retry_after=7)
    async with serving(bot, settings):
        await telegram.wait_for(lambda: bot.is_ready)
    first, second = (one.received_at for one in telegram.requests_to("setWebhook"))
    assert 7 <= second - first < 8


async def test_a_token_that_stays_refused_ends_the_bot(
    telegram: Server, settings: Settings, bot: Bot, clock: Clock
) -> None:
    telegram.fault("setWebhook", "status", status=401, count=None)
    running = asyncio.create_task(bot.run())
    await clock.sleep(60)
    assert bot.is_locked and not bot.is_ready
    with pytest.raises(PlatformLocked):
        await asyncio.wait_for(running, 2 * GIVE_UP_S)
