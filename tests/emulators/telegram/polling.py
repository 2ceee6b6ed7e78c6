"""The getUpdates method: long polling, throttling, and the conflict of two pollers.

Source: tdlib/telegram-bot-api `Client.cpp` (`process_get_updates_query`, `do_get_updates`,
`abort_long_poll`, `fail_query_conflict`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from tests.emulators.telegram.api import ApiRequest
from tests.emulators.telegram.errors import OTHER_POLLER, ApiError
from tests.emulators.telegram.updates import MAX_UPDATES, UpdateQueue

MAX_TIMEOUT_S = 50
#: A repeated offset within this time is delayed by as much.
HOLD_S = 3
#: A repeated offset within this time gets a single update.
ONE_UPDATE_S = 0.5


class Poller:
    """Long polling, of one client at a time. Runs on the server's event loop."""

    def __init__(self, queue: UpdateQueue) -> None:
        self._queue = queue
        self._waiting: asyncio.Future[None] | None = None
        self._last_offset: int | None = None
        self._last_at = 0.0

    async def get_updates(self, request: ApiRequest) -> list[dict[str, Any]]:
        """Run getUpdates. Raises ApiError 409 when another poller takes over."""
        loop = asyncio.get_running_loop()
        offset = request.number("offset")
        limit = min(max(request.number("limit", MAX_UPDATES), 1), MAX_UPDATES)
        timeout_s = min(max(request.number("timeout"), 0), MAX_TIMEOUT_S)
        self._queue.allow(request.json("allowed_updates"))
        now = loop.time()
        if offset == self._last_offset:
            if timeout_s < HOLD_S and now < self._last_at + HOLD_S:
                timeout_s = HOLD_S
            if now < self._last_at + ONE_UPDATE_S:
                limit = 1
        self._last_offset, self._last_at = offset, now
        with request.world.lock:
            found = self._queue.take(offset, limit)
        if not found and timeout_s:
            await self._wait(timeout_s)
            with request.world.lock:
                found = self._queue.take(max(offset, 0), limit)
        return [update.to_json() for update in found]

    async def _wait(self, timeout_s: float) -> None:
        self.abort(OTHER_POLLER)
        waiting = self._waiting = asyncio.get_running_loop().create_future()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiting, timeout_s)
        finally:
            if self._waiting is waiting:
                self._waiting = None

    def wake(self) -> None:
        """Make the waiting poll check the queue again."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def abort(self, reason: str) -> None:
        """End the waiting poll with a 409 error."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(ApiError(409, reason))
