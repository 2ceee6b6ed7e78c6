"""One call in flight per paid result: whoever wants the same waits for its turn.

The result is stored by then; if there is none, because the call failed or was cancelled, the next
one takes over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from core.stall import slow_call


class Turns:
    """The turns of all keys."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def take(self, key: str) -> AsyncIterator[None]:
        """Wait until no other body with this key runs; the first one that waits comes first.

        The wait is no stall: whoever is being waited for is given up when it stalls.
        """
        lock = self._locks.setdefault(key, asyncio.Lock())
        with slow_call():
            await lock.acquire()
        try:
            yield
        finally:
            lock.release()
