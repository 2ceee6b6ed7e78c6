"""The webhook of the local Telegram, as far as tdlib/telegram-bot-api is known to behave."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from telegram import Bot
from telegram.error import BadRequest, Conflict, RetryAfter

from core.clock import Clock
from tests.emulators.local_server import AsgiServer
from tests.emulators.telegram import TelegramServer


class Receiver:
    """A web server that records what Telegram sends it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_s = clock.monotonic()
        #: (moment, text) of each.
        self.received: list[tuple[float, str]] = []
        self.headers: list[dict[bytes, bytes]] = []
        #: What it responds, and how late, until there is nothing more: then 200, at once.
        self.answers: list[tuple[int, list[tuple[bytes, bytes]]]] = []
        self.latency_s = 0.0
        self.at_once = self.most_at_once = 0
        self.server = AsgiServer(self)
        self.url = f"{self.server.origin}/hook"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (scope["method"], scope["path"]) == ("POST", "/hook")
        self.headers.append(dict(scope["headers"]))
        raw = json.loads((await receive())["body"])
        moment_s = self._clock.monotonic() - self._started_s
        self.received.append((round(moment_s), raw["message"]["text"]))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self._clock.sleep(self.latency_s)
        self.at_once -= 1
        status, headers = self.answers.pop(0) if self.answers else (200, [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body"})


@pytest.fixture
async def receiver(clock: Clock) -> AsyncIterator[Receiver]:
    receiver = Receiver(clock)
    async with receiver.server:
        yield receiver


def texts(receiver: Receiver) -> list[str]:
    return [text for _, text in receiver.received]


async def test_updates_are_delivered_with_the_secret_and_not_polled(
    telegram: TelegramServer, bot: Bot, receiver: Receiver, clock: Clock
) -> None:
    ann = telegram.add_user("Ann")
    telegram.send_text(ann, ann, "before")
    await bot.set_webhook(receiver.url, secret_token="s-1", max_connections=3)
    telegram.send_text(ann, ann, "after")
    await telegram.wait_for(lambda: not telegram.pending())
    assert texts(receiver) == ["before", "after"]
    for headers in receiver.headers:
        assert headers[b"x-telegram-bot-api-secret-token"] == b"s-1"
        assert headers[b"content-type"] == b"application/json"
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()
    info = await bot.get_webhook_info()
    assert (info.url, info.pending_update_count, info.max_connections) == (receiver.url, 0, 3)
    assert info.last_error_message is None
    await clock.sleep(1)
    await bot.delete_webhook()
    telegram.send_text(ann, ann, "polled")
    [update] = await bot.get_updates()
    assert update.message and update.message.text == "polled" and len(receiver.received) == 2


async def test_one_of_a_chat_is_under_way_and_chats_do_not_wait_for_each_other(
    telegram: TelegramServer, bot: Bot, receiver: Receiver
) -> None:
    receiver.latency_s = 2.0
    await bot.set_webhook(receiver.url, max_connections=3)
    people = [telegram.add_user(f"Person {number}") for number in range(4)]
    for number in range(2):
        for person in people:
            telegram.send_text(person, person, f"{number} of {person}")
    await telegram.wait_for(lambda: not telegram.pending())
    assert receiver.most_at_once == 3, "no more than max_connections"
    for person in people:
        own = [text for text in texts(receiver) if text.endswith(f" {person}")]
        assert own == [f"0 of {person}", f"1 of {person}"]


async def test_failures_are_repeated_ever_more_slowly_and_hold_up_the_chat(
    telegram: TelegramServer, bot: Bot, receiver: Receiver
) -> None:
    await bot.set_webhook(receiver.url)
    ann, ben = telegram.add_user("Ann"), telegram.add_user("Ben")
    receiver.answers = [(503, [])] * 9
    telegram.send_text(ann, ann, "held")
    telegram.send_text(ann, ann, "behind")
    await telegram.wait_for(lambda: len(receiver.received) == 3)
    info = await bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 503 Service Unavailable"
    assert info.pending_update_count == 2
    await telegram.wait_for(lambda: not telegram.pending(), 1000)
    moments = [moment_s for moment_s, text in receiver.received if text == "held"]
    waits = [after - before for before, after in pairwise(moments)]
    assert waits[:6] == [1, 2, 4, 8, 16, 32]
    assert len(waits) == 9 and all(60 <= wait_s <= 120 for wait_s in waits[6:])
    assert texts(receiver)[-1] == "behind"
    receiver.answers = [(503, [])]
    telegram.send_text(ann, ann, "a failure")
    telegram.send_text(ben, ben, "of somebody else")
    await telegram.wait_for(lambda: not telegram.pending())
    assert texts(receiver)[-3:] == ["a failure", "of somebody else", "a failure"]


async def test_retry_after_is_honoured_up_to_an_hour(
    telegram: TelegramServer, bot: Bot, receiver: Receiver
) -> None:
    await bot.set_webhook(receiver.url)
    receiver.answers = [(429, [(b"retry-after", b"30")]), (429, [(b"Retry-After", b"99999")])]
    ann = telegram.add_user("Ann")
    telegram.send_text(ann, ann, "late")
    await telegram.wait_for(lambda: not telegram.pending(), 10_000)
    assert [moment_s for moment_s, _ in receiver.received] == [0, 30, 3630]


async def test_what_is_not_delivered_for_a_day_is_dropped(
    telegram: TelegramServer, bot: Bot, clock: Clock
) -> None:
    await bot.set_webhook("http://127.0.0.1:1/nobody")
    ann = telegram.add_user("Ann")
    telegram.send_text(ann, ann, "lost")
    await clock.sleep(10)
    telegram.advance(23)
    info = await bot.get_webhook_info()
    assert (info.pending_update_count, info.last_error_message) == (1, "Connection refused")
    telegram.advance(2)
    assert telegram.pending() == []
    tries = len(telegram.deliveries)
    await clock.sleep(600)
    assert len(telegram.deliveries) == tries


async def test_settings_are_checked(
    telegram: TelegramServer, bot: Bot, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    ann = telegram.add_user("Ann")
    telegram.send_text(ann, ann, "dropped")
    for wrong in ("with space", "ä", "x" * 257):
        with pytest.raises(BadRequest, match="unallowed"):
            await bot.set_webhook("http://127.0.0.1:1/", secret_token=wrong)
    await bot.set_webhook("http://127.0.0.1:1/", drop_pending_updates=True)
    assert telegram.pending() == []
    with pytest.raises(RetryAfter):
        await bot.set_webhook("http://127.0.0.1:1/other")
    await bot.set_webhook("http://127.0.0.1:1/")
    await clock.sleep(1)
    await bot.set_webhook("http://127.0.0.1:1/other")


async def test_a_repeat_is_delivered_at_once_beside_others(
    telegram: TelegramServer, bot: Bot, receiver: Receiver
) -> None:
    await bot.set_webhook(receiver.url)
    receiver.latency_s = 1.0
    ann = telegram.add_user("Ann")
    telegram.send_text(ann, ann, "hello")
    telegram.redeliver(telegram.pending()[0], count=2)
    await telegram.wait_for(lambda: not telegram.pending())
    assert receiver.received == [(0, "hello")] * 3 and receiver.most_at_once == 3
    deliveries: list[Any] = telegram.deliveries
    assert [one.status for one in deliveries] == [200] * 3
