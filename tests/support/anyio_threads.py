"""Lets a `VirtualLoop` wait for the threads of anyio, in which the web server reads files."""

from __future__ import annotations

from queue import Queue
from typing import Any

import anyio._backends._asyncio

from tests.support.virtual_time import VirtualLoop


class _WatchedQueue(Queue[Any]):
    """What anyio hands to one of its threads."""

    def put_nowait(self, item: Any) -> None:
        if item is not None and isinstance(loop := item[3].get_loop(), VirtualLoop):
            loop.watch(item[3])
        super().put_nowait(item)


anyio._backends._asyncio.Queue = _WatchedQueue  # type: ignore[attr-defined]
