"""Pieces of a recording that are decoded before they are taken.

A decoder waits until its piece is taken, which an engine may delay. If others wait for the decoder,
it goes on instead, and the pieces are stored.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from dataclasses import replace

from core.audio.frames import Piece
from core.fair_line import FairSlots
from core.interfaces import GrowingRecording

#: Of all recordings together: about nine hours. Beyond it decoders wait.
_MOST_STORED_BYTES = 2**30


class ReadAhead:
    """Reads all recordings of the program ahead, while others wait for their decoders."""

    def __init__(self, decoders: FairSlots, begin: Callable[[], GrowingRecording] | None) -> None:
        """begin: returns an empty recording, to store a piece. None: decoders always wait."""
        self._decoders, self._begin = decoders, begin
        self._stored_bytes = 0
        self._news = asyncio.Event()
        #: Lets decoders that wait look again whether they go on.
        self.look_again = decoders.on_wanted = self._news.set

    async def read(self, first: Piece, rest: AsyncIterator[Piece]) -> AsyncGenerator[Piece, None]:
        """Yield the pieces of a recording. Raises what `rest` raises, after the last one."""
        queue = _Queue(self)
        filling = asyncio.create_task(queue.fill(first, rest))
        try:
            while piece := await queue.take():
                yield piece
            await filling
        finally:
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)
            queue.clear()

    async def wait_for_room(self, pieces: Collection[object]) -> None:
        """Return once there are no more of these, or the next one is better stored."""
        while pieces and not self._may_store:
            self._news.clear()
            await self._news.wait()

    @property
    def _may_store(self) -> bool:
        has_room = self._begin is not None and self._stored_bytes < _MOST_STORED_BYTES
        return has_room and self._decoders.is_wanted

    async def store(self, data: bytes) -> GrowingRecording:
        """Return a stored piece. It is deleted some time after the last use."""
        assert self._begin
        stored = self._begin()
        await stored.append(data)
        self._stored_bytes += len(data)
        return stored

    def drop(self, stored: GrowingRecording) -> None:
        """Note that a stored piece is no longer needed."""
        self._stored_bytes -= len(stored)


class _Queue:
    """The pieces of one recording that are not taken yet: the first one is in memory."""

    def __init__(self, ahead: ReadAhead) -> None:
        self._ahead = ahead
        #: With where its audio is, None = in the piece.
        self._pieces = deque[tuple[Piece, GrowingRecording | None]]()
        self._is_filled, self._is_over = asyncio.Event(), False

    async def fill(self, first: Piece, rest: AsyncIterator[Piece]) -> None:
        """Add all pieces, each once the ones before are taken or others want the decoder."""
        try:
            await self._put(first)
            async for piece in rest:
                await self._put(piece)
        finally:
            self._is_over = True
            self._is_filled.set()

    async def _put(self, piece: Piece) -> None:
        stored = None
        if self._pieces:
            stored = await self._ahead.store(piece.audio.data)
            piece = replace(piece, audio=replace(piece.audio, data=b""))
        self._pieces.append((piece, stored))
        self._is_filled.set()
        await self._ahead.wait_for_room(self._pieces)

    async def take(self) -> Piece | None:
        """Return the next piece, None after the last one."""
        while not (self._pieces or self._is_over):
            self._is_filled.clear()
            await self._is_filled.wait()
        if not self._pieces:
            return None
        piece, stored = self._pieces.popleft()
        self._ahead.look_again()
        if stored is None:
            return piece
        self._ahead.drop(stored)
        data = b"".join([chunk async for chunk in stored.chunks()])
        return replace(piece, audio=replace(piece.audio, data=data))

    def clear(self) -> None:
        """Drop what is left."""
        for _, stored in self._pieces:
            if stored:
                self._ahead.drop(stored)
        self._pieces.clear()
