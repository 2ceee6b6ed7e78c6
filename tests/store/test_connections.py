"""Connections of the database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from core.store.database import connections


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


def make_engine(path: Path) -> AsyncEngine:
    return connections.make_engine(f"sqlite:///{path}", connections.WRITER)


async def close(engine: AsyncEngine) -> None:
    """Close all connections and wait for their threads."""
    await engine.dispose()
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(5)


@pytest.mark.finding(25)
async def test_a_connection_that_cannot_be_set_up_is_closed(
    tmp_path: Path, opened: list[NotedConnection]
) -> None:
    path = tmp_path / "hearsay.db"
    path.write_bytes(b"no database at all" * 100)
    engine = make_engine(path)
    with pytest.raises(Exception, match="not a database"):
        await engine.connect()
    await close(engine)
    assert opened[0].is_closed


@pytest.mark.finding(25)
@pytest.mark.parametrize("steps", range(12))
async def test_a_connection_whose_task_was_cancelled_is_closed(
    tmp_path: Path, opened: list[NotedConnection], steps: int
) -> None:
    """Whether the thread has opened it by then or not."""
    engine = make_engine(tmp_path / "hearsay.db")
    task = asyncio.create_task(engine.connect().__aenter__())
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await (await task).close()
    await engine.dispose()
    await (await engine.connect()).close()  # the engine still works
    await close(engine)
    assert all(connection.is_closed for connection in opened)
