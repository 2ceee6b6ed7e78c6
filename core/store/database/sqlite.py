"""An SQLite connection that needs one round trip to its thread per statement.

aiosqlite makes one each for the cursor, the statement, its rows, its end, and for the pool's
rollback after each use: 140 round trips per voice note, most of the program's own CPU time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import URL


class QuickConnection(aiosqlite.Connection):
    """aiosqlite's connection for SQLAlchemy. Every result is read whole."""

    #: False during a call, and after one that failed or was cancelled.
    _is_settled = True

    def cursor(self) -> QuickCursor:  # type: ignore[override]
        """Return a cursor without a call to the thread."""
        return QuickCursor(self)

    async def rollback(self) -> None:
        """Roll back, unless there is certainly no open transaction."""
        if not self._is_settled or self.in_transaction:
            await super().rollback()

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self._is_settled = False
        result = await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        self._is_settled = True
        return result


class QuickCursor:
    """The part of a cursor that SQLAlchemy uses: a statement and all its rows at once."""

    arraysize = 1

    def __init__(self, connection: QuickConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> QuickCursor:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement and read its rows."""
        await self._connection._execute(self._run, sqlite3.Connection.execute, sql, parameters)

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `parameters`."""
        await self._connection._execute(self._run, sqlite3.Connection.executemany, sql, parameters)

    async def fetchall(self) -> list[Any]:
        """Return the rows."""
        return self._rows

    async def close(self) -> None:
        """Do nothing: the statement has already ended."""

    def _run(self, method: Any, sql: str, parameters: Any) -> None:
        cursor = method(self._connection._conn, sql, parameters)
        try:
            self._rows = cursor.fetchall() if cursor.description else []
            self.description, self.rowcount = cursor.description, cursor.rowcount
            self.lastrowid = cursor.lastrowid
        finally:
            cursor.close()


async def open_sqlite(url: URL) -> QuickConnection:
    """Open the database at `url`."""
    arguments, options = url.get_dialect()().create_connect_args(url)
    connect = partial(sqlite3.connect, *arguments, **options)
    connection = QuickConnection(connect, 64)
    # As SQLAlchemy does: an unclosed connection must not keep the process alive.
    connection._thread.daemon = True
    await connection
    return connection
