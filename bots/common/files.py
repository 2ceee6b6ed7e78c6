"""Recordings in files of this machine, read in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from core.interfaces import PIECE_BYTES, Recording


@dataclass(frozen=True, slots=True)
class FileRecording:
    """A recording in a file, which stays as it is meanwhile."""

    path: Path
    size_bytes: int

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self.size_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield its content. Raises OSError."""
        file = await asyncio.to_thread(self.path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield chunk
        finally:
            file.close()


def read_file(path: Path) -> Recording:
    """Return the recording in a file. Raises OSError, also for a large one that is not readable."""
    with path.open("rb") as file:
        first = file.read(PIECE_BYTES + 1)
    return first if len(first) <= PIECE_BYTES else FileRecording(path, path.stat().st_size)
