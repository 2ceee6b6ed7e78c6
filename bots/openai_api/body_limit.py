"""How much of what programs send is in memory at once: who comes later waits with the body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Bodies of requests under way, all together.
ROOM_BYTES = 256 * 2**20
#: What a request takes that does not say how large its body is, or says too much: it is refused
#: or cut off there.
LARGEST_BYTES = 72 * 2**20


class BodyLimit:
    """The memory that bodies may take, given in the order of coming."""

    def __init__(self, size_bytes: int = ROOM_BYTES) -> None:
        self._free_bytes = size_bytes
        self._turn = asyncio.Lock()
        self._is_freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, announced: str) -> AsyncIterator[None]:
        """Wait for room and hold it. announced: the header Content-Length, not trusted."""
        is_size = announced.isascii() and announced.isdigit() and len(announced) < 12
        taken = min(int(announced), LARGEST_BYTES) if is_size else LARGEST_BYTES
        async with self._turn:
            while self._free_bytes < taken:
                self._is_freed.clear()
                await self._is_freed.wait()
            self._free_bytes -= taken
        try:
            yield
        finally:
            self._free_bytes += taken
            self._is_freed.set()
