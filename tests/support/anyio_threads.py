"""Lets a `VirtualLoop` wait for anyio worker threads, in which the web server reads files."""

from __future__ import annotations

from queue import Queue
from typing import Any

import anyio._backends._asyncio

from tests.support.virtual_time import VirtualLoop


class _WatchedQueue(Queue[Any]):
    """A queue of a worker thread; the loop watches each item."""

    def put_nowait(self, item: Any) -> None:
        if item is not None and isinstance(loop := item[3].get_loop(), VirtualLoop):
            loop.watch(item[3])
        super().put_nowait(item)


anyio._backends._asyncio.Queue = _WatchedQueue  # type: ignore[attr-defined]
