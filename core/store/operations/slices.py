"""Deletions in small transactions: everybody else waits for the only writer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select
from sqlalchemy.sql.elements import ColumnElement

from core.store.database.queries import Database, writes

#: How long a transaction that deletes may take.
SLICE_S = 0.008
#: Rows that are looked for at once.
PAGE = 100


class Slices:
    """Does something with many rows, a few of them in each transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete(self, table: Table, is_old: ColumnElement[bool]) -> int:
        """Delete the rows that fulfil a condition, and return how many.

        They are looked for without the write lock, and stay if they do not fulfil it any more, or
        if their key does not find them again, as that of each row of this program does.
        """
        key = [*table.primary_key]
        found, count = select(*key).where(is_old).limit(PAGE), 0
        is_it = (column == bindparam(f"of_{column.name}") for column in key)
        one = delete(table).where(*is_it, is_old)
        before: Sequence[Any] = ()
        while (rows := await self._database.rows(found)) and rows != before:
            before = rows
            keys = [{f"of_{name}": value for name, value in row._mapping.items()} for row in rows]
            count += await self.do(lambda connection, row: connection.execute(one, row), keys)
        return count

    async def do(self, do_one: Callable[[Connection, Any], object], rows: Sequence[Any]) -> int:
        """Call `do_one` with each row, in as many transactions as it takes. Return how many."""
        do_some: Callable[[Sequence[Any]], Awaitable[int]] = partial(self._do_some, do_one)
        done = 0
        while done < len(rows):
            done += await do_some(rows[done:])
        return done

    @writes
    def _do_some(
        self,
        connection: Connection,
        do_one: Callable[[Connection, Any], object],
        rows: Sequence[Any],
    ) -> int:
        """Do something with one row after the other while the slice lasts. Return how many."""
        until_s = self._database.clock.monotonic() + SLICE_S
        for count, row in enumerate(rows, 1):
            do_one(connection, row)
            if self._database.clock.monotonic() >= until_s:
                return count
        return len(rows)
