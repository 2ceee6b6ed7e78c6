"""Connections to the database: how it is opened, read and written.

SQLite: WAL, `synchronous=FULL`, one writer that begins IMMEDIATE, readers that cannot write. A
transaction that reads first and writes later would fail at once with "database is locked" in
spite of the busy timeout, hence IMMEDIATE.

A statement needs one round trip to the connection's thread. With aiosqlite's own cursors it would
be four, and one more for the rollback after each use: most of the program's own CPU time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from operator import attrgetter, methodcaller
from typing import Any

import aiosqlite
from sqlalchemy import Executable, event, make_url
from sqlalchemy.dialects.sqlite import aiosqlite as adapter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from core.clock import CLOCK, Clock
from core.errors import StoreError
from core.store.database.encryption import Cipher, set_cipher

#: How long a writer waits for another process that holds SQLite's write lock.
BUSY_TIMEOUT_MS = 30_000
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
_READER = ("query_only=ON",)


class Database:
    """One SQLite database."""

    def __init__(self, url: str, cipher: Cipher, clock: Clock = CLOCK) -> None:
        self.cipher = cipher
        #: Returns the current moment, aware, in UTC.
        self.now = clock.now
        self._writer = _make_engine(url, _WRITER, pool_size=1)
        # Readers never have a transaction to roll back.
        self._reader = _make_engine(url, _READER, pool_size=4, skip_autocommit_rollback=True)
        for engine in (self._writer, self._reader):
            set_cipher(engine.dialect, cipher)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Raises StoreError if the database fails: then nothing was written.
        """
        with _read_errors():
            async with self._writer.begin() as connection:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection to read from: each statement sees the newest commit."""
        with _read_errors():
            async with self._reader.connect() as connection:
                yield connection

    async def rows(self, query: Executable, key: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """Return the rows of one query. Raises StoreError."""
        with _read_errors():
            async with self._reader.connect() as connection:
                rows: Sequence[Any] = (await connection.execute(query, key)).all()
        return rows

    async def scalar(self, query: Executable, key: Mapping[str, Any] | None = None) -> Any | None:
        """Return the first column of a query's first row, None if there is none."""
        rows = await self.rows(query, key)
        return rows[0][0] if rows else None

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


@contextmanager
def _read_errors() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        # Not the error's own text: it holds the statement's parameters.
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreError(f"{type(cause).__name__}: {cause}") from None


def _make_engine(url: str, pragmas: Sequence[str], **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+aiosqlite"),
        connect_args={"isolation_level": None},  # no transaction begins by itself
        max_overflow=0,
        pool_timeout=300,
        **options,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, parameters: Any) -> _Connection:
        connection: Any = aiosqlite.connect(*arguments, **parameters)
        # As SQLAlchemy does: an unclosed connection must not keep the process alive.
        connection._thread.daemon = True
        await_only(connection)
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas):
            await_only(connection.execute_fetchall(f"PRAGMA {pragma}"))
        return _Connection(dialect.dbapi, connection)

    return engine


class _Cursor(adapter.AsyncAdapt_aiosqlite_cursor):
    """A cursor of sqlite3 itself: to make or close one needs no call to the thread."""

    _make_new_cursor: Any = attrgetter("_conn")
    _aenter_cursor: Any = methodcaller("cursor")
    _awaitable_cursor_close = False
    _cursor: Any

    async def _execute_async(self, operation: str, parameters: Any) -> None:
        """Run one statement and read all its rows."""
        # Nobody may close the cursor while the thread uses it, such as after a cancellation.
        cursor, self._cursor = self._cursor, None
        self._rows = deque(
            await self._connection._execute(
                lambda: cursor.execute(operation, parameters or ()).fetchall()
            )
        )
        self._cursor = cursor

    async def _executemany_async(self, operation: str, parameters: Any) -> None:
        """Run one statement for each of `parameters`."""
        cursor, self._cursor = self._cursor, None
        await self._connection._execute(cursor.executemany, operation, parameters)
        self._cursor = cursor


class _Connection(adapter.AsyncAdapt_aiosqlite_connection):
    """SQLAlchemy's adapter of an aiosqlite connection, with our cursor."""

    _cursor_cls = _Cursor
