"""Recordings that only we have, in encrypted pieces.

SQLite limits the size of a value, and a piece is all that is in memory of a large recording.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from weakref import WeakValueDictionary, finalize

from sqlalchemy import Connection, bindparam, case, delete, exists, func, literal, select
from sqlalchemy.sql.elements import ColumnElement

from core.errors import StoreError
from core.interfaces import Recording
from core.models import Chat
from core.store.database.cipher import VERSION, Cipher
from core.store.database.dialects import take_turns
from core.store.database.queries import Database, is_chat
from core.store.database.tables import blob_pieces, blobs, chats, messages

#: Pieces deleted in one transaction: nobody waits for the lock longer than 20 ms.
_FEW = 2
#: Recordings whose pieces are looked for at once.
_MANY = 100
#: No recording is received for longer: what belongs to no message since then is nobody's.
_IN_USE_FOR = timedelta(hours=1)
#: What takes recordings from messages takes turns with what deletes their pieces.
_TURNS = "recordings"
_PIECE = select(blob_pieces.c.content).where(
    blob_pieces.c.blob_id == bindparam("of_blob"), blob_pieces.c.number == bindparam("of_number")
)
#: Of each piece, what encryption adds to it.
_OVERHEAD = case(
    (func.substr(blob_pieces.c.content, 1, 1) == literal(VERSION), Cipher.OVERHEAD_BYTES),
    else_=Cipher.OLD_OVERHEAD_BYTES,
)
_SIZE = select(func.count(), func.sum(func.length(blob_pieces.c.content) - _OVERHEAD)).where(
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
        #: The ids of those that may be nobody's now. None: also of what another process has left.
        self._left: set[str] | None = None
        #: Where several processes run: what seems to be nobody's, by when that was first seen.
        self._seen: dict[str, datetime] = {}
        self._seen_at: datetime | None = None

    def begin(self) -> StoredRecording:
        """Return an empty recording. It stays if it is accepted with a message."""
        recording = StoredRecording(self, secrets.token_hex(16))
        self._live[recording.blob_id] = recording
        finalize(recording, self._leave, recording.blob_id).atexit = False
        return recording

    def _leave(self, *blob_ids: str) -> None:
        if self._left is not None:
            self._left.update(blob_ids)

    def drop(self, connection: Connection, message_pks: Collection[int]) -> int:
        """Take the recordings of messages from them, and return how many there were.

        `sweep` deletes what they consist of.
        """
        is_it = blobs.c.message_pk.in_(message_pks)
        if found := connection.execute(select(blobs.c.blob_id).where(is_it)).scalars().all():
            take_turns(connection, _TURNS)
            self._leave(*found)
        return connection.execute(delete(blobs).where(is_it)).rowcount

    async def find(self, chat: Chat, message_id: str) -> Recording | None:
        """Return the recording that came with a message, None if it is no longer kept."""
        query = (
            select(blobs.c.blob_id)
            .join(messages, messages.c.message_pk == blobs.c.message_pk)
            .join(chats, chats.c.chat_pk == messages.c.chat_pk)
            .where(is_chat(chat), messages.c.message_id == message_id)
        )
        blob_id = await self._database.scalar(query)
        return None if blob_id is None else await self.open(blob_id)

    async def open(self, blob_id: str) -> Recording:
        """Return a recording. Raises StoreError if it was deleted meanwhile."""
        # Not joined with the above: SQLite would sort the pieces in memory.
        [(count, size_bytes)] = await self._database.rows(_SIZE, {"of_blob": blob_id})
        if count <= 1:
            return await self.read_piece(blob_id, 0)
        return StoredRecording(self, blob_id, size_bytes)

    async def add_piece(self, blob_id: str, number: int, piece: bytes) -> None:
        """Store a piece. The first one makes room: what others have left is deleted."""
        if not number:
            await self.sweep()
        values = {"blob_id": blob_id, "number": number, "content": piece}
        await self._database.write(lambda one: one.execute(blob_pieces.insert(), values))

    async def read_piece(self, blob_id: str, number: int) -> bytes:
        """Return a piece. Raises StoreError if there is none."""
        rows = await self._database.rows(_PIECE, {"of_blob": blob_id, "of_number": number})
        if not rows:
            raise StoreError("a piece of a recording was deleted")
        piece: bytes = rows[0].content
        return piece

    async def sweep(self, *, is_thorough: bool = False) -> int:
        """Delete the pieces that belong to no message and to nobody, and return their number.

        is_thorough: look everywhere, where there is more than rows.
        """
        is_shared = self._database.is_shared
        old = await self._find_old() if is_shared else set()
        if self._left is not None and not self._left | old:
            return 0
        left = await self._database.write(self._take_left)
        if left is None and not is_shared:
            return await self._delete_pieces(_IS_ORPHAN)
        ids, count = [*(left or set()) | old], 0
        for start in range(0, len(ids), _MANY):
            is_left = blob_pieces.c.blob_id.in_(ids[start : start + _MANY])
            count += await self._delete_pieces(_IS_ORPHAN & is_left)
        return count

    async def _find_old(self) -> set[str]:
        """Return what was nobody's an hour ago and still is: another process may use newer ones."""
        now = self._database.now()
        if self._seen_at and now - self._seen_at < _IN_USE_FOR:
            return set()
        orphans = select(blob_pieces.c.blob_id).where(_IS_ORPHAN).distinct()
        found = [row.blob_id for row in await self._database.rows(orphans)]
        self._seen = {blob_id: self._seen.get(blob_id, now) for blob_id in found}
        self._seen_at = now
        return {blob_id for blob_id, at in self._seen.items() if now - at >= _IN_USE_FOR}

    def _take_left(self, connection: Connection) -> set[str] | None:
        """Return what is left so far: in a turn of its own, so that it is left for good."""
        take_turns(connection, _TURNS)
        left, self._left = self._left, set()
        return left

    async def _delete_pieces(self, is_left: ColumnElement[bool]) -> int:
        count, found = 0, _FEW
        while found == _FEW:
            # A recording that begins later stores its first piece after this look.
            is_nobodys = is_left & blob_pieces.c.blob_id.not_in(list(self._live))
            try:
                found = await self._delete_few(is_nobodys)
            except BaseException:
                self._left = None  # the next time, all are looked through
                raise
            count += found
        return count

    async def _delete_few(self, is_nobodys: ColumnElement[bool]) -> int:
        few = select(blob_pieces.c.piece_pk).where(is_nobodys).limit(_FEW)
        # Looked for without the write lock: what is nobody's now never becomes somebody's.
        keys = [row.piece_pk for row in await self._database.rows(few)]
        if keys:
            change = delete(blob_pieces).where(blob_pieces.c.piece_pk.in_(keys))
            await self._database.write(lambda one: one.execute(change))
        return len(keys)


def keep(connection: Connection, message_pk: int, recording: Recording) -> None:
    """Make a recording that of a message, in the transaction that accepts the message."""
    if isinstance(recording, StoredRecording):
        blob_id = recording.blob_id
    else:
        assert isinstance(recording, bytes)
        blob_id = secrets.token_hex(16)
        values = {"blob_id": blob_id, "number": 0, "content": recording}
        connection.execute(blob_pieces.insert(), values)
    connection.execute(blobs.insert(), {"message_pk": message_pk, "blob_id": blob_id})
