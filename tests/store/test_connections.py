"""Connections of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from core.store.database import queries


@pytest.mark.finding(25)
async def test_a_connection_that_cannot_be_set_up_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python 3.13 and later warn of those that are left open."""
    opened: list[aiosqlite.Connection] = []
    connect = aiosqlite.connect

    def note(*arguments: Any, **parameters: Any) -> aiosqlite.Connection:
        opened.append(connect(*arguments, **parameters))
        return opened[-1]

    monkeypatch.setattr(aiosqlite, "connect", note)
    path = tmp_path / "hearsay.db"
    path.write_bytes(b"no database at all" * 100)
    engine = queries._make_engine(f"sqlite:///{path}", ("journal_mode=WAL",))
    with pytest.raises(Exception, match="not a database"):
        await engine.connect()
    opened[0]._thread.join(5)
    assert not opened[0]._thread.is_alive()
    await engine.dispose()
