"""`Media` that decodes in threads instead of worker processes.

For tests that are not about worker processes, which `tests/audio` covers.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from core.audio import Media, worker
from core.errors import UserError
from core.interfaces import GrowingRecording
from core.worker_process import Frame, WorkerRefused


class ThreadMedia(Media):
    """`Media` that decodes in threads, without limits."""

    def __init__(self, begin: Callable[[], GrowingRecording] | None = None) -> None:
        super().__init__(begin=begin)
        self._pool = _Threads()  # type: ignore[assignment]
        self.expect = self._pool.expect


class _Threads:
    """Stands in for `core.worker_process.pool.WorkerPool`."""

    def expect(self) -> None:
        pass

    async def run(
        self,
        header: dict[str, Any],
        chunks: AsyncGenerator[bytes, None],
        *,
        size: int,
        stall_s: float = 20.0,
    ) -> AsyncGenerator[Frame, None]:
        data = b"".join([chunk async for chunk in chunks])
        assert len(data) == size
        frames = worker._OPERATIONS[header["operation"]](header, data)
        try:
            while frame := await asyncio.to_thread(next, frames, None):
                # As it comes through a pipe: lists instead of tuples.
                yield json.loads(json.dumps(frame[0])), frame[1]
        except UserError as error:
            raise WorkerRefused(type(error).__name__, error.user_text) from None

    async def close(self) -> None:
        pass
