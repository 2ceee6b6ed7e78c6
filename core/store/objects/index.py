"""The objects of a database: written, found, and deleted once nothing refers to them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from core.store.database.objects import (
    IS_UNUSED,
    IS_WITHOUT_MESSAGE,
    SoundGone,
    StoredObject,
    find_known,
    forget_unused,
)
from core.store.database.queries import Database, writes
from core.store.database.schema import objects
from core.store.objects.storage import PREFIXES, Storage

log = structlog.get_logger()

#: Objects that are deleted, or encrypted anew, between two looks at the database.
_PAGE = 100
#: A row is committed so soon after its object is written.
LOST_AFTER = timedelta(hours=1)
#: A recording that another process receives, or has decoded in advance, waits no longer than this.
_ABANDONED_AFTER = timedelta(days=1)
#: Of PREFIXES, how many each sweep looks through: hourly, all of them in a day.
_SWEPT = 11
_OF = select(objects).where(
    objects.c.kind == bindparam("of_kind"), objects.c.owner == bindparam("of_owner")
)
_ALL_OF = _OF.order_by(objects.c.number)


class ObjectIndex:
    """Queries about objects, and the storage that holds them."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._swept = 0

    async def put(self, plain: bytes) -> StoredObject:
        """Write an object, which is to be linked within the hour. Raises StoreError."""
        key, now = secrets.token_hex(16), self._database.now()
        key_id = await self._storage.put(key, plain)
        return StoredObject(key, key_id, len(plain), now)

    async def find(self, kind: str, owner: str) -> Sequence[Any]:
        """Return the rows of what belongs to something, in order."""
        return await self._database.rows(_ALL_OF, {"of_kind": kind, "of_owner": owner})

    async def get(self, key: str) -> bytes:
        """Return the content of an object. Raises StoreError, SoundGone."""
        try:
            return await self._storage.get(key)
        except SoundGone as error:
            log.error("object_missing", key=key, is_damaged=error.is_damaged)
            raise

    async def collect(self, left: Collection[str] = (), live: Collection[str] = ()) -> int:
        """Delete what nothing refers to any more, and return how many objects that were.

        left: recordings that this process had, and never came with a message. live: those that it
        still has. Raises StoreError; what is left then is found the next time.
        """
        is_left = objects.c.owner.in_(left) | (
            objects.c.created_at < self._database.now() - _ABANDONED_AFTER
        )
        is_nobodys = IS_WITHOUT_MESSAGE & is_left & objects.c.owner.not_in(live)
        is_unused: ColumnElement[bool] = IS_UNUSED | is_nobodys
        query = select(objects.c.object_key).where(is_unused).limit(_PAGE)
        count = 0
        while keys := [row.object_key for row in await self._database.rows(query)]:
            await self._storage.delete(keys)
            gone = await self._database.write(partial(forget_unused, keys, is_unused))
            count += gone
            if not gone:
                break
        return count

    async def sweep(self) -> int:
        """Delete objects without a row, which a crash has left, in a part of the storage.

        Each call goes on where the last one has ended. Return how many. Raises StoreError.
        """
        before, count = self._database.now() - LOST_AFTER, 0
        for _ in range(_SWEPT):
            prefix = PREFIXES[self._swept % len(PREFIXES)]
            listed = await self._storage.list_old(prefix, before)
            for start in range(0, len(listed), _PAGE):
                count += await self._delete_lost(listed[start : start + _PAGE])
            self._swept += 1
        if count:
            log.warning("lost_objects_deleted", count=count)
        return count

    async def _delete_lost(self, keys: Sequence[str]) -> int:
        known = await self._database.read(lambda one: find_known(one, keys))
        lost = [key for key in keys if key not in known]
        if lost:
            await self._storage.delete(lost)
        return len(lost)

    async def encrypt_anew(self, key_id: str) -> int:
        """Encrypt up to a page of what other keys have encrypted, and return how many were left.

        One that is deleted meanwhile may come back: the sweep finds it. Raises StoreError.
        """
        is_old = objects.c.key_id != key_id
        query = select(objects.c.object_key).where(is_old).limit(_PAGE)
        keys = [row.object_key for row in await self._database.rows(query)]
        for key in keys:
            found = key_id
            with suppress(SoundGone):  # then nothing is left of the old key
                found = await self._storage.put(key, await self.get(key))
            await self._note_key(key, found)
        return len(keys)

    @writes
    def _note_key(self, connection: Connection, key: str, key_id: str) -> None:
        change = update(objects).where(objects.c.object_key == key)
        connection.execute(change.values(key_id=key_id))
