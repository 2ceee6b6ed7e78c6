"""Connections to SQLite: WAL, `synchronous=FULL`, one writer, readers that cannot write.

A statement needs one round trip to the connection's thread. With aiosqlite's own cursors it would
be four, and one more for the rollback after each use: most of the program's own CPU time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter, methodcaller
from queue import SimpleQueue
from threading import Thread
from typing import Any

import aiosqlite
from sqlalchemy import event, make_url
from sqlalchemy.dialects.sqlite import aiosqlite as adapter
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

#: How long a writer waits for another process that holds SQLite's write lock.
BUSY_TIMEOUT_MS = 30_000
WRITER = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
READER = ("query_only=ON",)


def make_engine(url: str, pragmas: Sequence[str], **options: Any) -> AsyncEngine:
    """Return an engine whose connections are set up with `pragmas`."""
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+aiosqlite"),
        connect_args={"isolation_level": None},  # no transaction begins by itself
        max_overflow=0,
        pool_timeout=300,
        **options,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, parameters: Any) -> _Connection:
        connection: Any = _Thread(partial(_connect, pragmas, *arguments, **parameters))
        await_only(connection)
        return _Connection(dialect.dbapi, connection)

    return engine


def _connect(pragmas: Sequence[str], *arguments: Any, **parameters: Any) -> sqlite3.Connection:
    """Return a new connection, set up."""
    connection: sqlite3.Connection = sqlite3.connect(*arguments, **parameters)
    try:
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


class _Thread(aiosqlite.Connection):
    """A connection in a thread of its own, closed even if its opening is cancelled."""

    _thread: Thread
    _tx: SimpleQueue[Any]

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(partial(self._open, connect), iter_chunk_size=64)
        self._opened: sqlite3.Connection | None = None
        # As SQLAlchemy does: an unclosed connection must not keep the process alive.
        self._thread.daemon = True

    def _open(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        self._opened = connect()
        return self._opened

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()

    def stop(self) -> asyncio.Future[Any] | None:
        """End the thread, after it has closed what it may be opening just now."""
        self._tx.put_nowait((None, self._close_opened))
        return super().stop()


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
