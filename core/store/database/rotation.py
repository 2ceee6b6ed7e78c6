"""Replacing the key of a database while the program runs.

The new key is put before the old one, and every process notices that before its next transaction.
From then on nothing is encrypted with the old key, so that one pass over all tables leaves nothing
of it. Interrupted anywhere, it is safe to run again: both keys are known until the pass is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    Table,
    func,
    literal,
    select,
    type_coerce,
    update,
)

from core.errors import ConfigError
from core.store.database.cipher import VERSION, find_key_id, make_key
from core.store.database.encryption import Encrypted, sync, write_key_file
from core.store.database.queries import Database, insert_new, writes
from core.store.database.schema import retired_keys
from core.store.database.tables import metadata

#: Values that are encrypted anew in one transaction, and how much they may hold together.
_MOST_VALUES, _MOST_BYTES = 50, 2 * 2**20
#: Receives the number of values that were encrypted anew so far.
OnCount = Callable[[int], None]


class Rotation:
    """Encrypts everything in a database with a new key."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cipher = database.cipher
        #: Encrypts some of what is outside the database anew, given the id of the key, and returns
        #: how much; None if everything is in it.
        self.encrypt_outside: Callable[[str], Awaitable[int]] | None = None

    async def run(self, on_count: OnCount) -> int:
        """Replace the key, and return how many values were encrypted anew.

        The new key comes from the setting if that names several, else it is made and written to the
        file that holds the key. Raises ConfigError where there is neither, StoreError.
        """
        keys = list(self._cipher.source.read())
        if len(keys) == 1:
            keys = [make_key(), *keys]
            self._write(keys)
        self._cipher.refresh()
        # Those that began with the old key are over then.
        await self._database.end_transactions()
        key_id, count = self._cipher.key_id, await self._encrypt_all(on_count)
        while self.encrypt_outside and (found := await self.encrypt_outside(key_id.hex())):
            count += found
            on_count(count)
        await self._retire(keys[1:])
        if self._cipher.source.path:
            self._write(keys[:1])
        await self._database.scrub()
        return count

    def _write(self, keys: list[str]) -> None:
        path, name = self._cipher.source.path, self._cipher.source.name
        if path is None:
            raise ConfigError(
                f"{name} is in the environment, where it cannot be replaced. Put a new key before"
                " it (NEW,OLD), restart the program, and run this again. A new key:"
                ' python -c "from cryptography.fernet import Fernet;'
                ' print(Fernet.generate_key().decode())"'
            )
        try:
            write_key_file(path, keys).replace(path)
            sync(path.parent)
        except OSError as error:
            raise ConfigError(f"{path} cannot be replaced: {error.strerror}") from None

    async def _encrypt_all(self, on_count: OnCount) -> int:
        count = 0
        for column in _list_columns():
            after = None
            while found := await self._database.read(partial(self._find_old, column, after)):
                count, after = count + await self._encrypt(column, found), found[-1][0]
                on_count(count)
        return count

    def _find_old(self, column: Column[Any], after: Any, connection: Connection) -> Sequence[Any]:
        """Return keys and values of the next rows that another key has encrypted."""
        [key] = column.table.primary_key
        raw = type_coerce(column, LargeBinary)
        head = VERSION + self._cipher.key_id
        is_old = func.substr(column, 1, len(head)) != literal(head, LargeBinary)
        query = select(key, raw.label("value")).where(raw.is_not(None), is_old)
        if after is not None:
            query = query.where(key > after)
        rows = connection.execute(query.order_by(key).limit(_MOST_VALUES))
        found, size_bytes = [], 0
        for row in rows:
            found.append(row)
            size_bytes += len(row.value)
            if size_bytes > _MOST_BYTES:
                break
        rows.close()
        return found

    @writes
    def _encrypt(self, connection: Connection, column: Column[Any], rows: Sequence[Any]) -> int:
        """Encrypt values anew that nobody has changed meanwhile. Return how many were looked at."""
        table: Table = column.table
        raw = type_coerce(column, LargeBinary)
        [key] = table.primary_key
        name: bytes = column.type.column_name  # type: ignore[attr-defined]
        for row_key, value in rows:
            new = self._cipher.encrypt(self._cipher.decrypt(value, name), name)
            is_same = raw == literal(value, LargeBinary)
            change = update(table).where(key == row_key, is_same)
            connection.execute(change.values({column: literal(new, LargeBinary)}))
        return len(rows)

    @writes
    def _retire(self, connection: Connection, keys: Sequence[str]) -> None:
        now = self._database.now()
        for key in keys:
            row = {"key_id": find_key_id(key).hex(), "retired_at": now}
            connection.execute(insert_new(retired_keys), row)


def _list_columns() -> Iterator[Column[Any]]:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Encrypted):
                yield column
