"""Updates a second that one intake takes: a backlog by getUpdates, and deliveries to a webhook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from benchmarks.scale.system import System, run_server, run_system
from benchmarks.support.processes import wait_for
from core.setting_types import TELEGRAM_WEBHOOK_PATH
from tests.support.ports import free_port
from tests.support.postgresql import ask

UPDATES, PEOPLE = 3000, 1000
#: As many as Telegram opens unless it is told otherwise. Source: Bot API, "setWebhook".
CONNECTIONS = 40
SECRET = "canary-0123456789_ABCDEFGHIJKLMNOP"
_COUNT = "SELECT count(*) FROM jobs"
#: From the first to the last, by the clock of the intake.
_SPAN = "SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM jobs"


def make_update(number: int) -> dict[str, Any]:
    """Return a command in a private chat, which becomes a job."""
    user = 1000 + number % PEOPLE
    return {
        "update_id": 5_000_000 + number,
        "message": {
            "message_id": 1 + number // PEOPLE,
            "date": 1_790_000_000,
            "chat": {"id": user, "type": "private", "first_name": "Ann"},
            "from": {"id": user, "is_bot": False, "first_name": "Ann", "language_code": "en"},
            "text": "/help",
            "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
        },
    }


def read_rate(system: System) -> float:
    """Wait until all updates are jobs; return how many became so in a second."""
    wait_for(lambda: ask(system.url, _COUNT)[0][0] >= UPDATES, 120, 0.2)
    return UPDATES / float(ask(system.url, _SPAN)[0][0])


@cache
def measure_polling() -> float:
    """Return the updates a second of a backlog, which is there at the first getUpdates."""
    with run_server() as server, run_system(("intake",), server) as system:
        system.process.suspend()
        for number in range(UPDATES):
            system.telegram.do("raw_update", body=make_update(number))
        system.process.resume()
        return read_rate(system)


async def deliver(port: int, numbers: Sequence[int]) -> None:
    """Deliver updates, one after the other, by one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        body = json.dumps(make_update(number)).encode()
        head = (
            f"POST {TELEGRAM_WEBHOOK_PATH} HTTP/1.1\r\nHost: bot.example.org\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {SECRET}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert " 200 " in answer.partition("\r\n")[0], answer
        length = answer.partition("content-length:")[2].partition("\r\n")[0]
        await reader.readexactly(int(length or 0))
    writer.close()


async def deliver_all(port: int) -> None:
    numbers = range(UPDATES)
    await asyncio.gather(*(deliver(port, numbers[n::CONNECTIONS]) for n in range(CONNECTIONS)))


@cache
def measure_webhook() -> float:
    """Return the updates a second that come to the webhook of one intake."""
    port = free_port()
    webhook = {
        "TELEGRAM_WEBHOOK_URL": f"http://127.0.0.1:{port}{TELEGRAM_WEBHOOK_PATH}",
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
        "WEB_PORT": str(port),
    }
    with run_server() as server, run_system(("intake",), server, **webhook) as system:
        wait_for(lambda: system.telegram.do("request_counts").get("setWebhook"))
        asyncio.run(deliver_all(port))
        return read_rate(system)
