"""What is found out about a database before it is used."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path
from traceback import format_exception

import pytest

from core.commands import pick_command
from core.errors import ConfigError, StoreError
from core.models import Chat
from core.store import Store, migrate
from core.store.database.check import DatabaseCondition, examine, list_recent_chats
from core.store.database.migrate import list_revisions
from tests.conftest import NewMessage, ask_for_help
from tests.support.clean_start import ask_database, make_database


@pytest.mark.sqlite_only
async def test_a_database_that_is_not_there_is_not_made(database_url: str, tmp_path: Path) -> None:
    assert await examine(database_url) == DatabaseCondition(is_there=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sqlite_only
async def test_its_schema_version_is_reported(database_url: str, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "hearsay.db").close()
    ask_database(tmp_path, "CREATE TABLE alembic_version (version_num)")
    assert await examine(database_url) == DatabaseCondition(False, schema="old")
    for revision, schema in (("0001", "old"), (list_revisions()[-1], "current"), ("9", "newer")):
        ask_database(tmp_path, "DELETE FROM alembic_version")
        ask_database(tmp_path, f"INSERT INTO alembic_version VALUES ('{revision}')")
        assert await examine(database_url) == DatabaseCondition(True, schema=schema)


async def test_chats_are_listed_by_their_last_job(
    store: Store, database_url: str, new_message: NewMessage
) -> None:
    for chat_id in ("-1", "7", "-2", "-3", "7", "-1"):
        assert await store.intake.add(ask_for_help(new_message, chat_id), pick_command)
    await store.jobs.cancel_chat(Chat("test", "1", "-2"))
    cipher = store._database.cipher
    found = await list_recent_chats(database_url, cipher, "test")
    assert [chat.chat_id for chat in found] == ["-1", "7", "-3"]
    assert await list_recent_chats(database_url, cipher, "telegram") == []


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


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:canary@h/d", "postgresql://u:canary@h:p/d"])
async def test_an_invalid_url_is_not_shown(url: str) -> None:
    for work in (examine, migrate):
        with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
            await work(url)
        assert "canary" not in str(caught.value)


@pytest.mark.real_time
async def test_the_password_of_a_server_that_is_not_there_is_not_shown() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://u:canary@127.0.0.1:{free.getsockname()[1]}/d"
        for work in (examine, migrate):
            with pytest.raises(StoreError, match="refused") as caught:
                await work(url)
            assert "canary" not in "".join(format_exception(caught.value))
