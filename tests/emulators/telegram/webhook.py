"""The webhook: its settings, which exclude getUpdates, and the delivery of updates to its URL.

Messages of a chat are one queue, button presses of a person are another; only the head of a queue
is under way. What is not answered with 2xx is sent again after 1 s, then after twice as long each
time, up to a random limit from 60 to 120 s, or as long as Retry-After says, and dropped when it has
expired. Source: tdlib/telegram-bot-api `Client.cpp`, `WebhookActor.cpp`.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.emulators.telegram.api import ApiRequest
from tests.emulators.telegram.errors import bad_request, too_many_requests
from tests.emulators.telegram.polling import Poller
from tests.emulators.telegram.updates import Update, UpdateQueue
from tests.emulators.telegram.world import World

#: A connection that is silent for longer has failed.
IDLE_S = 60.0
FIRST_WAIT_S, MAX_RETRY_AFTER_S = 1.0, 3600.0
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(slots=True)
class Delivery:
    """One request to the webhook."""

    update_id: int
    started_at: float
    #: 0 while it is under way, and if there was no response.
    status: int = 0
    took_s: float = 0.0


class Webhook:
    """The webhook's URL, empty if none is set, and what is sent to it, on the server's loop."""

    def __init__(self, world: World, queue: UpdateQueue, poller: Poller) -> None:
        self._world = world
        self._queue = queue
        self._poller = poller
        self.url, self._secret, self._most = "", "", 40
        self.deliveries: list[Delivery] = []
        self._changed_at: float | None = None
        self._failed_at, self._failure = 0, ""
        self._woken: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: Queues with a request under way, or waiting for the next try.
        self._busy: set[str] = set()
        self._connections = asyncio.Semaphore(self._most)

    # --- settings

    def set(self, request: ApiRequest) -> bool:
        """Run setWebhook or deleteWebhook; an empty URL removes the webhook."""
        url, secret = request.text("url"), request.text("secret_token")
        if secret and not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        now = self._world.clock.monotonic()
        is_change = (url, secret) != (self.url, self._secret)
        if is_change and self._changed_at is not None and now < self._changed_at + 1:
            raise too_many_requests(1)
        if is_change:
            self._changed_at = now
        self._queue.allow(request.json("allowed_updates"))
        if request.text("drop_pending_updates").lower() == "true":
            self._queue.clear()
        self.url, self._secret = url, secret
        self._most = min(max(request.number("max_connections", 40), 1), 100)
        self._connections = asyncio.Semaphore(self._most)
        if url:
            self._poller.abort("terminated by setWebhook request")
        self.wake()
        return True

    def info(self) -> dict[str, Any]:
        """Run getWebhookInfo."""
        pending = len(self._queue.waiting())
        value = {"url": self.url, "has_custom_certificate": False, "pending_update_count": pending}
        if self.url:
            value["max_connections"] = self._most
        if self._failed_at:
            value |= {"last_error_date": self._failed_at, "last_error_message": self._failure}
        return value

    # --- delivery

    def wake(self) -> None:
        """Look at the queue again."""
        if self._woken is not None:
            self._woken.set()

    async def run(self) -> None:
        """Deliver updates until cancelled."""
        self._woken = asyncio.Event()
        self._woken.set()
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                if self.url:
                    self._start_all()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._busy.clear()

    def _start_all(self) -> None:
        with self._world.lock:
            repeated, waiting = self._queue.take_repeated(), self._queue.waiting()
        for update in repeated:
            self._start(self._send(update))
        for update in waiting:
            key = _find_queue(update)
            if key not in self._busy:
                self._busy.add(key)
                self._start(self._deliver(update, key))

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, update: Update, key: str) -> None:
        """Send the head of a queue until it is confirmed or has expired."""
        wait_s, longest_s = FIRST_WAIT_S, self._world.random.uniform(60, 120)
        while self.url and any(one is update for one in self._queue.waiting()):
            async with self._connections:
                status, retry_after_s = await self._send(update)
            if 200 <= status < 300:
                with self._world.lock:
                    self._queue.remove(update.update_id)
                break
            await asyncio.sleep(min(retry_after_s, MAX_RETRY_AFTER_S) or wait_s)
            wait_s = min(wait_s * 2, longest_s)
        self._busy.discard(key)
        self.wake()

    async def _send(self, update: Update) -> tuple[int, float]:
        """Send an update; return the status, 0 if there is none, and Retry-After."""
        clock = self._world.clock
        sent = Delivery(update.update_id, clock.monotonic())
        self.deliveries.append(sent)
        try:
            async with asyncio.timeout(IDLE_S):
                line, headers = await self._post(json.dumps(update.to_json()).encode())
            sent.status = int(line.split(" ")[1])
            if 200 <= sent.status < 300:
                return sent.status, 0.0
            self._failure = f"Wrong response from the webhook: {line.partition(' ')[2]}"
        except TimeoutError:
            self._failure = "Read timeout expired"
        except (OSError, EOFError, ValueError, IndexError):
            self._failure = "Connection refused"
        finally:
            sent.took_s = clock.monotonic() - sent.started_at
        self._failed_at = int(clock.now())
        found = re.search(r"(?im)^retry-after: *(\d+)", headers) if sent.status else None
        return sent.status, float(found[1]) if found else 0.0

    async def _post(self, body: bytes) -> tuple[str, str]:
        """Return the status line and the headers of the response."""
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        try:
            secret = f"X-Telegram-Bot-Api-Secret-Token: {self._secret}\r\n" if self._secret else ""
            writer.write(
                f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n{secret}"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await reader.read()
        finally:
            writer.close()
        line, _, headers = head.partition("\r\n")
        return line, headers


def _find_queue(update: Update) -> str:
    """Return the queue of an update: that of a chat, or of a person who pressed a button."""
    kind, value = next(iter(update.body.items()))
    if kind == "callback_query":
        return f"person {value['from']['id']}"
    chat = value.get("chat") if isinstance(value, dict) else None
    return f"chat {chat['id']}" if chat else f"update {update.update_id}"
