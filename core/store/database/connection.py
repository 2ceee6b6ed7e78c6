"""Connections to the database: how it is opened, read and written.

SQLite: WAL, `synchronous=FULL`, one writer that begins IMMEDIATE, readers that cannot write. A
transaction that reads first and writes later would fail at once with "database is locked" in
spite of the busy timeout, hence IMMEDIATE.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import URL, Executable, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core.clock import CLOCK, Clock
from core.errors import StoreError
from core.store.database.encryption import Cipher, set_cipher
from core.store.database.sqlite import open_sqlite

#: How long a writer waits for another process that holds SQLite's write lock.
BUSY_TIMEOUT_MS = 30_000


class Database:
    """One database, whatever its kind."""

    def __init__(self, url: str, cipher: Cipher, clock: Clock = CLOCK) -> None:
        self.cipher = cipher
        self._clock = clock
        self._url = make_url(url)
        if self._url.get_backend_name() == "sqlite":
            self._writer = _sqlite_engine(self._url, is_writer=True)
            self._reader = _sqlite_engine(self._url, is_writer=False)
        else:
            self._writer = self._reader = create_async_engine(self._url, pool_pre_ping=True)
        for engine in {self._writer, self._reader}:
            set_cipher(engine.dialect, cipher)

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""
        return self._clock.now()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Raises StoreError if the database fails: then nothing was written.
        """
        with _read_errors():
            async with self._writer.begin() as connection:
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

    async def scalar(self, query: Executable, key: Mapping[str, Any] | None = None) -> Any:
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


def _sqlite_engine(url: URL, *, is_writer: bool) -> AsyncEngine:
    url = url.set(drivername="sqlite+aiosqlite")
    engine = create_async_engine(
        url,
        async_creator=partial(open_sqlite, url),
        pool_size=1 if is_writer else 4,
        max_overflow=0,
        pool_timeout=300,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if is_writer:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA foreign_keys=ON")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        if is_writer:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
