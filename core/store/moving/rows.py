"""Rows as they are stored: read in pages, hashed, and written without being decrypted."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

from core.errors import StorageFull, StoreError
from core.store.database.encryption import Encrypted, KeyedId
from core.store.database.errors import read_error
from core.store.database.migrate import name_database
from core.store.database.schema import leases
from core.store.database.tables import jobs, metadata

#: What is in memory at once: so many rows, or so many bytes of encrypted values; one row at least.
PAGE_ROWS, PAGE_BYTES = 5_000, 8 * 2**20
#: Hashes of rows are added up modulo this.
_MODULUS = 1 << 256
#: What belongs to processes and to the queue of the database that they use.
_LEFT_TABLES, _LEFT_COLUMNS = {leases}, {jobs.c.entry}

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds: the number of rows, and a hash that does not depend on their order."""

    rows: int = 0
    #: The sum of the SHA-256 of each row, modulo 2**256.
    sum: int = 0

    @property
    def hash(self) -> str:
        """The sum in hexadecimal digits."""
        return f"{self.sum:064x}"

    def add(self, rows: Iterable[Row]) -> Content:
        """Return the content with more rows."""
        hashes = [_hash_row(row) for row in rows]
        return Content(self.rows + len(hashes), (self.sum + sum(hashes)) % _MODULUS)


@cache
def list_tables() -> tuple[Table, ...]:
    """Return the tables that move, with the types of what is stored; referred ones come first."""
    return tuple(_strip(table) for table in metadata.sorted_tables if table not in _LEFT_TABLES)


@contextmanager
def name_errors(connection: Connection) -> Iterator[None]:
    """Raise StoreError that names the database where it fails."""
    try:
        yield
    except DBAPIError as error:
        url = connection.engine.url.render_as_string()
        found = read_error(error, url)
        if isinstance(found, StorageFull):
            raise found from None
        raise StoreError(f"{name_database(url)}: {found}") from None


def count_rows(connection: Connection, table: Table) -> int:
    """Return the number of rows."""
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def read_pages(connection: Connection, table: Table) -> Iterator[Sequence[Row]]:
    """Yield all rows of a table, in pages and in the order of its primary key."""
    key = [*table.primary_key]
    places = [table.columns.values().index(column) for column in key]
    after: list[Any] = []
    while True:
        with name_errors(connection):
            rows = _read_page(connection, table, key, after)
        if not rows:
            return
        yield rows
        after = [rows[-1][place] for place in places]


def write_page(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows as they are."""
    names = table.columns.keys()
    connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def _strip(table: Table) -> Table:
    """Return a table of the same name whose values are neither encrypted nor hashed."""
    columns = (column for column in table.columns if column not in _LEFT_COLUMNS)
    stripped = (
        Column(one.name, _stored_type(one), primary_key=one.primary_key, autoincrement=False)
        for one in columns
    )
    return Table(table.name, MetaData(), *stripped)


def _stored_type(column: Column[Any]) -> TypeEngine[Any]:
    if isinstance(column.type, Encrypted):
        return LargeBinary()
    return String() if isinstance(column.type, KeyedId) else column.type


def _read_page(
    connection: Connection, table: Table, key: Sequence[Column[Any]], after: Sequence[Any]
) -> Sequence[Row]:
    is_next = [_is_after(key, after)] if after else []
    count = PAGE_ROWS
    if values := [one for one in table.columns if isinstance(one.type, LargeBinary)]:
        size = sum((func.coalesce(func.length(one), 0) for one in values), literal(0))
        sizes = select(size).where(*is_next).order_by(*key).limit(PAGE_ROWS)
        count = _fit(connection.execute(sizes).scalars().all())
    return connection.execute(select(table).where(*is_next).order_by(*key).limit(count)).all()


def _is_after(key: Sequence[Column[Any]], after: Sequence[Any]) -> ColumnElement[bool]:
    last = [literal(value, column.type) for column, value in zip(key, after, strict=True)]
    return tuple_(*key) > tuple_(*last) if len(key) > 1 else key[0] > last[0]


def _fit(sizes: Sequence[int]) -> int:
    """Return how many rows of these sizes are read at once."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > PAGE_BYTES:
            return max(1, count)
    return max(1, len(sizes))


def _hash_row(row: Row) -> int:
    digest = hashlib.sha256()
    for value in row:
        kind, encode = _ENCODINGS[type(value)]
        data = encode(value)
        # With its length, so that no two rows look the same.
        digest.update(b"%s%d:" % (kind, len(data)))
        digest.update(data)
    return int.from_bytes(digest.digest())


#: The bytes that stand for a value on both kinds of database. SQLite has no negative zero.
_ENCODINGS: Mapping[type, tuple[bytes, Callable[[Any], bytes]]] = {
    type(None): (b"n", lambda _none: b""),
    bool: (b"b", lambda value: b"1" if value else b"0"),
    int: (b"i", lambda value: b"%d" % value),
    float: (b"f", lambda value: struct.pack(">d", value + 0.0)),
    str: (b"s", str.encode),
    bytes: (b"y", bytes),
    datetime: (b"t", lambda moment: moment.isoformat().encode()),
}
