"""Webhook mode: updates are pushed, one at a time per chat, and pushed again until taken.

Source: tdlib/telegram-bot-api `WebhookActor.cpp`. Plain HTTP is allowed as for a local server.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.emulators.telegram.api import Ask
from tests.emulators.telegram.errors import bad_request, too_many_requests
from tests.emulators.telegram.polling import Poller
from tests.emulators.telegram.updates import Update, UpdateQueue
from tests.emulators.telegram.world import World

MAX_RETRY_AFTER_S = 3600
MAX_RESEND_S = 60.0
TIMEOUT_S = 60.0
#: Methods that are not run when they come as the body of a webhook's answer.
_NOT_AS_REPLY = ("get", "setwebhook", "deletewebhook", "close", "logout")

RunReply = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Target:
    url: str
    secret: str = ""
    max_connections: int = 40
    #: Lanes with an update in flight or waiting for its next try.
    busy: set[str] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Webhook:
    """Where updates are pushed to, if anywhere. Lives in the server's event loop."""

    def __init__(self, world: World, queue: UpdateQueue, poller: Poller, run: RunReply) -> None:
        self._world = world
        self._queue = queue
        self._poller = poller
        self._run_reply = run
        self._target: _Target | None = None
        self._client: httpx.AsyncClient | None = None
        self._next_set_at = 0.0
        self._error: dict[str, Any] = {}

    @property
    def is_set(self) -> bool:
        """Whether getUpdates is refused now."""
        return self._target is not None

    def set(self, ask: Ask) -> bool:
        """SetWebhook; an empty URL removes it."""
        url, secret = ask.text("url"), ask.text("secret_token")
        now = asyncio.get_running_loop().time()
        if url and now < self._next_set_at:
            raise too_many_requests(1)
        if url and not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if ask.flag("drop_pending_updates"):
            self._queue.clear()
        self._queue.allow(ask.json("allowed_updates"))
        self._stop()
        if url:
            self._next_set_at = now + 1
            self._poller.abort("terminated by setWebhook request")
            limit = min(max(ask.number("max_connections", 40), 1), 100)
            self._target = _Target(url, secret, limit)
            self.pump()
        return True

    def delete(self, ask: Ask) -> bool:
        """DeleteWebhook."""
        if ask.flag("drop_pending_updates"):
            self._queue.clear()
        self._stop()
        return True

    def info(self) -> dict[str, Any]:
        """GetWebhookInfo."""
        target = self._target
        value: dict[str, Any] = {
            "url": target.url if target else "",
            "has_custom_certificate": False,
            "pending_update_count": len(self._queue.waiting()),
        }
        if target:
            value["max_connections"] = target.max_connections
        if self._queue.allowed:
            value["allowed_updates"] = sorted(self._queue.allowed)
        return value | self._error

    def _stop(self) -> None:
        self._halt()
        self._target, self._error = None, {}

    def _halt(self) -> None:
        if self._target is not None:
            for task in self._target.tasks:
                task.cancel()
            self._target.busy.clear()

    async def close(self) -> None:
        """Stop pushing and let go of connections; `pump` goes on with it."""
        self._halt()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def pump(self) -> None:
        """Send the head of every lane that has nothing under way."""
        target = self._target
        if target is None:
            return
        with self._world.lock:
            waiting = self._queue.waiting()
        for update in waiting:
            lane = update.lane or str(update.update_id)
            if len(target.busy) >= target.max_connections:
                break
            if lane in target.busy:
                continue
            target.busy.add(lane)
            task = asyncio.create_task(self._deliver(target, lane, update))
            target.tasks.add(task)
            task.add_done_callback(target.tasks.discard)

    async def _deliver(self, target: _Target, lane: str, update: Update) -> None:
        delay_s, fails = 1.0, 0
        while (error := await self._push(target, update)) is not None:
            text, retry_after_s = error
            self._error = {
                "last_error_date": int(self._world.clock.now()),
                "last_error_message": text,
            }
            wait_s = retry_after_s
            if not retry_after_s and fails:
                highest = random.uniform(MAX_RESEND_S, 2 * MAX_RESEND_S)
                wait_s = delay_s = min(highest, delay_s * 2)
            fails += 1
            if self._world.clock.now() + wait_s > update.expires_at:
                break
            await asyncio.sleep(wait_s)
        with self._world.lock:
            self._queue.forget(update)
        target.busy.discard(lane)
        self.pump()

    async def _push(self, target: _Target, update: Update) -> tuple[str, float] | None:
        """Return None when the update was taken, else the error and what Retry-After says."""
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, verify=False)
        secret = {"X-Telegram-Bot-Api-Secret-Token": target.secret} if target.secret else {}
        try:
            answer = await self._client.post(target.url, json=update.to_json(), headers=secret)
        except httpx.HTTPError as error:
            return f"Connection failed: {type(error).__name__}", 0.0
        if not answer.is_success:
            wait = answer.headers.get("Retry-After", "0")
            retry_after_s = min(int(wait) if wait.isdigit() else 0, MAX_RETRY_AFTER_S)
            text = f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}"
            return text, float(retry_after_s)
        await self._run_body(answer)
        return None

    async def _run_body(self, answer: httpx.Response) -> None:
        try:
            body = json.loads(answer.content or b"null")
        except ValueError:
            return
        method = body.pop("method", "") if isinstance(body, dict) else ""
        if method and not method.lower().startswith(_NOT_AS_REPLY):
            await self._run_reply(method, body)
