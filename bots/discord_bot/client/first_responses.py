"""First responses to interactions under way: until one is sent, Discord refuses what edits it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class FirstResponses:
    """The messages of interactions that are being responded to."""

    def __init__(self) -> None:
        self._pending: dict[str, asyncio.Event] = {}

    @contextmanager
    def pending(self, message_id: str) -> Iterator[None]:
        """Let `wait` wait until the context ends."""
        is_over = self._pending.setdefault(message_id, asyncio.Event())
        try:
            yield
        finally:
            is_over.set()
            self._pending.pop(message_id, None)

    async def wait(self, message_id: str) -> None:
        """Return once the first response was sent, or cannot be sent any more."""
        if is_over := self._pending.get(message_id):
            await is_over.wait()
