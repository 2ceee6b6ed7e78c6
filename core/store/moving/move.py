"""The move itself: every row is copied and read back, and the copy is committed if both agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, func, select, type_coerce

from core.errors import ConfigError, StoreError
from core.store.database.cipher import Cipher, KeySource
from core.store.database.connections import INDEX_KEY
from core.store.database.dialects import POSTGRESQL
from core.store.database.key import open_cipher
from core.store.database.objects import refuse_objects
from core.store.database.schema import index_key, objects
from core.store.moving.rows import Content, count_rows, list_tables, read_pages, write_page
from core.store.moving.sides import check_urls, open_source, open_target
from core.store.work.shared_jobs import enqueue_forgotten

#: Receives the name of a table, and how many rows of how many are done, of all tables together.
OnProgress = Callable[[str, int, int], None]
#: How many objects are looked for. Their keys are random: the first ones are like all others.
_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved."""

    #: By table, those that others refer to first.
    tables: Mapping[str, Content]
    #: Objects at STORAGE_URL that were looked for, and how many of them were not there.
    objects: int = 0
    missing: int = 0

    @property
    def rows(self) -> int:
        """The number of rows of all tables."""
        return sum(content.rows for content in self.tables.values())


def move(
    source: str,
    target: str,
    keys: KeySource,
    storage_url: str | None = None,
    on_progress: OnProgress = lambda table, done, total: None,
) -> Moved:
    """Copy everything from one database to another, which is empty; all or nothing.

    Sound outside the database stays where it is. Blocking; interrupted at any moment, it leaves an
    empty target. keys: of the source, used only if it has sound outside.
    Raises ConfigError for what the operator has to correct, StoreError.
    """
    check_urls(source, target)
    with open_source(source) as reading:
        found, missing = _look_for_objects(reading, source, keys, storage_url)
        with open_target(target) as writing:
            tables = Copy(reading, writing, on_progress).run()
            if writing.dialect.name == POSTGRESQL:
                _finish_postgresql(writing)
    return Moved(tables, found, missing)


class Copy:
    """A copy of all tables, in the transactions of both sides."""

    def __init__(self, reading: Connection, writing: Connection, on_progress: OnProgress) -> None:
        self._reading, self._writing, self._on_progress = reading, writing, on_progress
        self._counts = {table: count_rows(reading, table) for table in list_tables()}
        self._done, self._total = 0, 2 * sum(self._counts.values())

    def run(self) -> dict[str, Content]:
        """Copy and read back. Return what each table holds. Raises StoreError if it differs."""
        copied = {table: self._copy(table) for table in self._counts}
        for table, content in copied.items():
            found = self._read_back(table)
            if found != content or content.rows != self._counts[table]:
                raise StoreError(
                    f"table {table.name} differs after the copy ({self._counts[table]} rows, "
                    f"{content.rows} copied, {found.rows} found): nothing was moved"
                )
        return {table.name: content for table, content in copied.items()}

    def _copy(self, table: Table) -> Content:
        content = Content()
        for rows in read_pages(self._reading, table):
            write_page(self._writing, table, rows)
            content = content.add(rows)
            self._report(table, len(rows))
        return content

    def _read_back(self, table: Table) -> Content:
        content = Content()
        for rows in read_pages(self._writing, table):
            content = content.add(rows)
            self._report(table, len(rows))
        return content

    def _report(self, table: Table, rows: int) -> None:
        self._done += rows
        self._on_progress(table.name, self._done, self._total)


def _finish_postgresql(connection: Connection) -> None:
    """Let new keys follow the largest ones, and put open jobs into the queue, in their order."""
    for table in list_tables():
        for column in table.primary_key:
            if isinstance(column.type, Integer):
                _set_sequence(connection, column)
    while enqueue_forgotten(connection):
        pass
    # Or else the first queries would be planned for empty tables.
    connection.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in list_tables())}")


def _set_sequence(connection: Connection, column: Column[Any]) -> None:
    of_column = func.pg_get_serial_sequence(column.table.name, column.name)
    sequence = connection.execute(select(of_column)).scalar()
    largest = connection.execute(select(func.max(column))).scalar()
    if sequence and largest is not None and largest > 0:
        connection.execute(select(func.setval(sequence, largest)))


def _look_for_objects(
    connection: Connection, source: str, keys: KeySource, storage_url: str | None
) -> tuple[int, int]:
    """Return how many objects were looked for, and how many of them are missing.

    Raises ConfigError if none is there, or nobody knows where, StoreError.
    """
    query = select(objects.c.object_key).order_by(objects.c.object_key).limit(_SAMPLE)
    sample = connection.execute(query).scalars().all()
    if not sample:
        return 0, 0
    if not storage_url:
        refuse_objects(connection)
    cipher = asyncio.run(open_cipher(source, keys))
    stored = connection.execute(select(type_coerce(index_key.c.content, LargeBinary))).scalar_one()
    cipher.index_key = cipher.decrypt(stored, INDEX_KEY)
    missing = asyncio.run(_count_missing(storage_url or "", cipher, sample))
    if missing == len(sample):
        raise ConfigError(
            "the sound of this database is not at STORAGE_URL: set it as it was, and keep it so"
        )
    return len(sample), missing


async def _count_missing(storage_url: str, cipher: Cipher, keys: Sequence[str]) -> int:
    from core.store.objects.storage import Storage  # it loads obstore

    storage = Storage(storage_url, cipher)
    try:
        return [await storage.has(key) for key in keys].count(False)
    finally:
        await storage.close()
