"""Connections of the database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from core.clock import Clock
from core.errors import StoreError
from core.store.database.encryption import make_cipher
from core.store.database.queries import Database


class NotedConnection(sqlite3.Connection):
    """A connection that notes whether it is closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True
        super().close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[NotedConnection]]:
    """The connections that were opened. Python 3.13 and later warn of those left open."""
    connections: list[NotedConnection] = []
    connect = sqlite3.connect

    def note(*arguments: Any, **parameters: Any) -> NotedConnection:
        connections.append(connect(*arguments, **parameters, factory=NotedConnection))
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", note)
    yield connections
    assert connections


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'hearsay.db'}", make_cipher(None, tmp_path), Clock())


def put(number: int) -> Any:
    """Return a transaction that stores a number."""

    def work(connection: Connection) -> int:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS one (number INTEGER)")
        connection.exec_driver_sql(f"INSERT INTO one VALUES ({number})")
        return number

    return work


def stored(connection: Connection) -> list[int]:
    return [row[0] for row in connection.exec_driver_sql("SELECT number FROM one")]


@pytest.mark.finding(25)
async def test_a_connection_that_cannot_be_set_up_is_closed(
    tmp_path: Path, opened: list[NotedConnection], database: Database
) -> None:
    (tmp_path / "hearsay.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="not a database"):
        await database.write(stored)
    await database.close()
    assert all(connection.is_closed for connection in opened)


@pytest.mark.finding(25)
async def test_a_connection_whose_task_was_cancelled_is_closed(
    opened: list[NotedConnection], database: Database
) -> None:
    task = asyncio.create_task(database.write(put(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await database.write(put(2)) == 2
    assert await database.read(stored) == [1, 2]  # the one that had begun was committed
    await database.close()
    assert len(opened) == 2
    assert all(connection.is_closed for connection in opened)


async def test_transactions_that_wait_together_share_a_commit(database: Database) -> None:
    commits: list[object] = []
    event.listen(database._writer.engine, "commit", commits.append)
    is_free = threading.Event()
    first = asyncio.create_task(database.write(lambda _: is_free.wait()))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(database.write(put(number))) for number in range(20)]
    await asyncio.sleep(0)
    waiting[3].cancel()  # it has not begun: nothing of it is stored
    is_free.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert await database.read(stored) == [number for number in range(20) if number != 3]
    assert len(commits) == 2
    await database.close()


async def test_one_that_fails_leaves_the_others_of_its_group(database: Database) -> None:
    def fail(connection: Connection) -> None:
        put(99)(connection)
        raise KeyError("of this one only")

    await database.write(put(0))
    works = [put(1), fail, lambda one: one.exec_driver_sql("no SQL"), put(2)]
    results = await asyncio.gather(*map(database.write, [put(9), *works]), return_exceptions=True)
    assert [type(result) for result in results] == [int, int, KeyError, StoreError, int]
    assert await database.read(stored) == [0, 9, 1, 2]
    await database.close()


async def test_closing_waits_for_what_was_to_be_written(tmp_path: Path, database: Database) -> None:
    waiting = [asyncio.create_task(database.write(put(number))) for number in range(3)]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*waiting) == [0, 1, 2]
