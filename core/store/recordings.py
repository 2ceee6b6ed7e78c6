"""Recordings that only we have, in encrypted pieces.

SQLite limits the size of a value, and a piece is all that is in memory of a large recording.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

from sqlalchemy import bindparam, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import StoreError
from core.interfaces import Recording
from core.models import Chat
from core.store.database.encryption import Cipher
from core.store.database.queries import Database, is_chat
from core.store.database.tables import blob_pieces, blobs, chats, messages

#: Pieces deleted in one transaction: nobody waits for the lock longer than 50 ms.
_FEW = 4
_PIECE = select(blob_pieces.c.content).where(
    blob_pieces.c.blob_id == bindparam("of_blob"), blob_pieces.c.number == bindparam("of_number")
)
_SIZE = select(func.count(), func.sum(func.length(blob_pieces.c.content))).where(
    blob_pieces.c.blob_id == bindparam("of_blob")
)
_IS_ORPHAN = ~exists().where(blobs.c.blob_id == blob_pieces.c.blob_id)


class StoredRecording:
    """A recording in stored pieces. One without a message is dropped with its last reference."""

    def __init__(self, store: Recordings, blob_id: str, size_bytes: int = 0) -> None:
        self._store = store
        self.blob_id = blob_id
        self._size_bytes = size_bytes
        self._count = 0

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self._size_bytes

    async def append(self, piece: bytes) -> None:
        """Store the next piece, in a transaction of its own."""
        await self._store.add_piece(self.blob_id, self._count, piece)
        self._count += 1
        self._size_bytes += len(piece)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the pieces. Raises StoreError if they are deleted meanwhile."""
        number = seen_bytes = 0
        while seen_bytes < self._size_bytes:
            piece = await self._store.read_piece(self.blob_id, number)
            number, seen_bytes = number + 1, seen_bytes + len(piece)
            yield piece


class Recordings:
    """Queries about recordings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Those that have no message yet, or never will, while somebody uses them.
        self._live: WeakValueDictionary[str, StoredRecording] = WeakValueDictionary()

    def begin(self) -> StoredRecording:
        """Return an empty recording. It stays if it is accepted with a message."""
        recording = StoredRecording(self, secrets.token_hex(16))
        self._live[recording.blob_id] = recording
        return recording

    async def find(self, chat: Chat, message_id: str) -> Recording | None:
        """Return the recording that came with a message, None if it is no longer kept."""
        query = (
            select(blobs.c.blob_id)
            .join(messages, messages.c.message_pk == blobs.c.message_pk)
            .join(chats, chats.c.chat_pk == messages.c.chat_pk)
            .where(is_chat(chat), messages.c.message_id == message_id)
        )
        blob_id = await self._database.scalar(query)
        if blob_id is None:
            return None
        # Not joined with the above: SQLite would sort the pieces in memory.
        [(count, stored_bytes)] = await self._database.rows(_SIZE, {"of_blob": blob_id})
        if count <= 1:
            return await self.read_piece(blob_id, 0)
        return StoredRecording(self, blob_id, stored_bytes - count * Cipher.OVERHEAD_BYTES)

    async def add_piece(self, blob_id: str, number: int, piece: bytes) -> None:
        """Store a piece. The first one makes room: what others have left is deleted."""
        if not number:
            await self.sweep()
        values = {"blob_id": blob_id, "number": number, "content": piece}
        async with self._database.write() as connection:
            await connection.execute(blob_pieces.insert(), values)

    async def read_piece(self, blob_id: str, number: int) -> bytes:
        """Return a piece. Raises StoreError if there is none."""
        rows = await self._database.rows(_PIECE, {"of_blob": blob_id, "of_number": number})
        if not rows:
            raise StoreError("a piece of a recording was deleted")
        piece: bytes = rows[0].content
        return piece

    async def sweep(self) -> int:
        """Delete the pieces that belong to no message and to nobody, and return their number."""
        count = 0
        while True:
            async with self._database.write() as connection:
                # Nothing gets its message meanwhile: that needs the same lock.
                orphans = select(blob_pieces.c.piece_pk).where(
                    _IS_ORPHAN, blob_pieces.c.blob_id.not_in(list(self._live))
                )
                keys = list((await connection.execute(orphans.limit(_FEW))).scalars())
                is_it = blob_pieces.c.piece_pk.in_(keys)
                await connection.execute(delete(blob_pieces).where(is_it))
            count += len(keys)
            if len(keys) < _FEW:
                return count


async def keep(connection: AsyncConnection, message_pk: int, recording: Recording) -> None:
    """Make a recording that of a message, in the transaction that accepts the message."""
    if isinstance(recording, StoredRecording):
        blob_id = recording.blob_id
    else:
        assert isinstance(recording, bytes)
        blob_id = secrets.token_hex(16)
        values = {"blob_id": blob_id, "number": 0, "content": recording}
        await connection.execute(blob_pieces.insert(), values)
    await connection.execute(blobs.insert(), {"message_pk": message_pk, "blob_id": blob_id})
