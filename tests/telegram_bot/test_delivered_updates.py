"""Delivered updates: repeated, failing, out of order, to several programs, by strangers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.poison import POISON_TRIES
from bots.web_server import WebServer
from core.clock import Clock
from core.config import Settings
from core.errors import StoreError
from core.interfaces import Recording
from core.models import Job, Message
from core.setting_types import TELEGRAM_WEBHOOK_PATH
from core.store import Store
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import FakeInbox, StoreInbox, receiving
from tests.support.telegram_webhook import (
    HEADERS,
    find_port,
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


class FailingInbox(FakeInbox):
    """Fails on some texts."""

    def __init__(self, errors: dict[str, list[Exception]]) -> None:
        super().__init__()
        self.errors = errors
        self.tried: list[str] = []

    async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
        self.tried.append(message.text)
        if left := self.errors.get(message.text):
            raise left.pop(0)
        return await super().accept(message, recording)


async def test_what_cannot_be_stored_comes_again_in_order(
    telegram: Server, settings: Settings, clock: Clock, ann: int
) -> None:
    inbox = FailingInbox({"2": [StoreError("locked")] * 4})
    async with serving(Bot(settings, inbox, menu=(), clock=clock), settings) as bot:
        for number in range(5):
            telegram.send_text(ann, ann, str(number))
        await clock.sleep(2)
        assert texts(inbox) == ["0", "1"] and not bot.is_ready
        await telegram.wait_for(lambda: not telegram.pending())
        assert bot.is_ready
    assert texts(inbox) == ["0", "1", "2", "3", "4"]
    statuses = [one.status for one in telegram.deliveries]
    assert statuses == [200, 200, 503, 503, 503, 503, 200, 200, 200]


async def test_a_poison_update_among_a_hundred_delays_nobody_else(
    telegram: Server, settings: Settings, clock: Clock
) -> None:
    people = [telegram.add_user(f"Person {number}") for number in range(100)]
    inbox = FailingInbox({"50": [ValueError("bug")] * 100})
    async with serving(Bot(settings, inbox, menu=(), clock=clock), settings) as bot:
        await telegram.wait_for(lambda: bot.is_ready)
        started_s = clock.monotonic()
        for number, person in enumerate(people):
            telegram.send_text(person, person, str(number))
        await telegram.wait_for(lambda: len(inbox.messages) == 99)
        assert clock.monotonic() - started_s < 1
        with capture_logs() as logs:
            telegram.send_text(people[50], people[50], "next")
            await telegram.wait_for(lambda: not telegram.pending(), 60)
        # 1 + 2 + 4 + 8 s: then the chat goes on.
        assert 15 <= clock.monotonic() - started_s < 16
    assert inbox.tried.count("50") == POISON_TRIES and texts(inbox)[-1] == "next"
    [skipped] = [log for log in logs if log["event"] == "telegram_update_skipped"]
    assert skipped["update_id"] == telegram.deliveries[-2].update_id


async def test_ids_may_have_gaps_restart_and_fall(
    telegram: Server, served: Bot, inbox: FakeInbox, clock: Clock, ann: int
) -> None:
    for base in (900_000_000, 900_000_500, 7, 3, 100_000, 5):
        telegram.set_update_id(base)
        telegram.send_text(ann, ann, f"at {base}")
        await clock.sleep(1)
    assert len(inbox.messages) == 6 == len({*texts(inbox)})
    assert telegram.pending() == []


async def test_repeats_get_one_job_from_several_receivers_behind_one_address(
    telegram: Server, store: Store, clock: Clock, ann: int
) -> None:
    """Each update comes up to six times, at once and later, to either of two programs."""
    port = find_port()
    settings = webhook_settings(telegram, web_port=port)
    inboxes = [StoreInbox(store) for _ in range(2)]
    bots = [Bot(settings, inbox, menu=(), clock=clock) for inbox in inboxes]
    calls = 0

    async def balance(scope: Any, receive: Any, send: Any) -> None:
        nonlocal calls
        calls += 1
        await bots[calls % 2].endpoints[TELEGRAM_WEBHOOK_PATH](scope, receive, send)

    server = WebServer(settings, clock)
    server.mount(TELEGRAM_WEBHOOK_PATH, balance)
    async with AsyncExitStack() as stack:
        for bot in bots:
            await stack.enter_async_context(receiving(bot))
        running = asyncio.create_task(server.run())
        await telegram.wait_for(lambda: all(bot.is_ready for bot in bots))
        for number in range(10):
            telegram.send_voice(ann, ann, b"OggS%d" % number, duration=4)
            telegram.redeliver(telegram.pending()[-1], count=number % 3)
        await telegram.wait_for(lambda: not telegram.pending())
        for update_id in {one.update_id for one in telegram.deliveries}:
            telegram.redeliver(update_id, count=3)
        await clock.sleep(5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(telegram.deliveries) >= 10 + 30 and calls == len(telegram.deliveries)
    assert {one.status for one in telegram.deliveries} == {200}
    assert all(one.took_s < 0.1 for one in telegram.deliveries)
    jobs = [job.job_id for inbox in inboxes for job in inbox.jobs]
    assert len(jobs) == 10 == len({*jobs})


async def send_head(settings: Settings, *headers: str) -> tuple[Any, Any]:
    """Begin a request by hand; return the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.web_port)
    lines = [f"POST {TELEGRAM_WEBHOOK_PATH} HTTP/1.1", *headers, "", ""]
    writer.write("\r\n".join(lines).encode("latin-1"))
    return reader, writer


USUAL = [f"{name}: {value}" for name, value in HEADERS.items()]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([line for line in USUAL if not line.startswith("X-")], 403),
        ([*USUAL, "X-Telegram-Bot-Api-Secret-Token: other"], 403),
        ([*USUAL, "Content-Encoding: gzip"], 415),
        (USUAL, 413),
    ],
    ids=["without the secret", "two secrets", "packed", "with the secret"],
)
async def test_an_endless_body_ends_with_the_response(
    served: Bot, settings: Settings, inbox: FakeInbox, headers: list[str], status: int
) -> None:
    reader, writer = await send_head(settings, *headers, "Transfer-Encoding: chunked")
    sent_bytes = 0

    async def stream() -> None:
        nonlocal sent_bytes
        with suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"4000\r\n" + b" " * 16_384 + b"\r\n")
                sent_bytes += 16_384
                await writer.drain()
                # What is sent to a closed connection takes back a response that was not read yet.
                await asyncio.sleep(0.001)

    streaming = asyncio.create_task(stream())
    line = await asyncio.wait_for(reader.readline(), 10)
    assert int(line.split()[1]) == status
    with suppress(ConnectionError):
        while await asyncio.wait_for(reader.read(65_536), 10):
            pass
    streaming.cancel()
    await asyncio.gather(streaming, return_exceptions=True)
    writer.close()
    assert sent_bytes < 20 << 20 and not inbox.messages


async def test_a_connection_serves_many_updates_from_any_host(
    served: Bot, settings: Settings, inbox: FakeInbox, telegram: Server, ann: int
) -> None:
    raw = {"message_id": 5, "date": 1, "chat": {"id": ann, "type": "private"}}
    raw |= {"from": {"id": ann, "is_bot": False, "first_name": "Ann"}, "text": "hello"}
    body = json.dumps({"update_id": 5, "message": raw}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.web_port)
    for _ in range(3):
        lines = [f"POST {TELEGRAM_WEBHOOK_PATH} HTTP/1.1", *USUAL, f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert b" 200 " in answer and b"content-length: 0" in answer
    writer.close()
    assert texts(inbox)[0] == "hello"
