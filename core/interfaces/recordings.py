"""The contract of a recording that is too large to be held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol


class LargeRecording(Protocol):
    """A recording that is read in chunks, from the store or from a file."""

    def __len__(self) -> int:
        """Return its size in bytes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield its content from the beginning; at each call again."""


class GrowingRecording(LargeRecording, Protocol):
    """A recording that is being received."""

    async def append(self, piece: bytes) -> None:
        """Store the next piece, of about PIECE_BYTES."""


#: Of a large recording, what is in memory at once.
PIECE_BYTES = 1 << 20
#: A recording: a small one is its content.
Recording = bytes | LargeRecording
