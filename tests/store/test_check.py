"""What is found out about a database before it is used."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from core.errors import ConfigError, StoreError
from core.store import migrate
from core.store.database.check import DatabaseCondition, examine
from core.store.database.migrate import list_revisions
from tests.support.clean_start import ask_database, make_database


async def test_a_database_that_is_not_there_is_not_made(database_url: str, tmp_path: Path) -> None:
    assert await examine(database_url) == DatabaseCondition(is_there=False)
    assert list(tmp_path.iterdir()) == []


async def test_its_schema_version_is_reported(database_url: str, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "hearsay.db").close()
    ask_database(tmp_path, "CREATE TABLE alembic_version (version_num)")
    assert await examine(database_url) == DatabaseCondition(False, schema="old")
    for revision, schema in (("0001", "old"), (list_revisions()[-1], "current"), ("9", "newer")):
        ask_database(tmp_path, "DELETE FROM alembic_version")
        ask_database(tmp_path, f"INSERT INTO alembic_version VALUES ('{revision}')")
        assert await examine(database_url) == DatabaseCondition(True, schema=schema)


async def test_damage_is_found(tmp_path: Path) -> None:
    url = make_database(tmp_path)
    ask_database(tmp_path, "PRAGMA journal_mode=DELETE")
    assert (await examine(url)).damage == ""
    path = tmp_path / "hearsay.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = bytes([7]) * 4096
    path.write_bytes(data)
    assert (await examine(url)).damage not in ("", "ok")
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="DatabaseError: file is not a database"):
        await examine(url)
    with pytest.raises(StoreError, match="unable to open"):
        await migrate(f"sqlite:///{tmp_path}/none/hearsay.db")


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u:canary@h/d"])
async def test_an_invalid_url_is_not_shown(url: str) -> None:
    for work in (examine(url), migrate(url)):
        with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
            await work
        assert "canary" not in str(caught.value)
