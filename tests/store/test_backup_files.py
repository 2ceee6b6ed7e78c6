"""Files of backups: on the disk before they have their names, and deleted when they are old."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import StorageFull, StoreError
from core.store import Store
from core.store.backups import making, snapshot
from core.store.backups.manifest import Manifest, dump
from core.store.backups.sealed_file import DamagedBackup
from core.store.database.cipher import make_key
from core.store.database.migrate import migrate
from tests.store.conftest import Add
from tests.support.backed_up import back_up


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "backups"
    path.mkdir()
    return path


@pytest.mark.sqlite_only
async def test_old_ones_of_this_database_alone_are_deleted(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path
) -> None:
    await add()
    other_home = tmp_path / "other"
    other_home.mkdir()
    (other_home / "secret.key").write_text(make_key())
    await migrate(f"sqlite:///{other_home / 'hearsay.db'}")
    other = await back_up(f"sqlite:///{other_home / 'hearsay.db'}", other_home, folder)
    theirs = [folder / name for name in ("hearsay-2020-01-01T0000Z.backup", "notes.txt")]
    for path in theirs:
        path.write_text("not ours")
    made = [(await back_up(database_url, tmp_path, folder)).path for _ in range(11)]
    last = await back_up(database_url, tmp_path, folder, keep=2)
    assert last.deleted == made[9::-1]
    assert {*folder.iterdir()} == {*theirs, other.path, made[10], last.path}


@pytest.mark.sqlite_only
async def test_interrupted_it_leaves_what_was_there(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await add()
    good = (await back_up(database_url, tmp_path, folder)).path
    kept = good.read_bytes()

    class Interrupted(BaseException): ...

    def interrupt(*_: object) -> None:
        raise Interrupted

    for name in ("copy_database", "describe_database", "finish_writing", "unpack"):
        with monkeypatch.context() as patch, pytest.raises(Interrupted):
            patch.setattr(making, name, interrupt)
            await back_up(database_url, tmp_path, folder)
        assert [*folder.iterdir()] == [good] and good.read_bytes() == kept
        assert not (tmp_path / "backup.tmp").exists()


@pytest.mark.sqlite_only
async def test_what_differs_or_has_no_room_is_not_kept(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await add()
    with monkeypatch.context() as patch:
        patch.setattr(making, "dump", lambda found: dump(_miscount(found)))
        with pytest.raises(DamagedBackup, match="does not hold what it says"):
            await back_up(database_url, tmp_path, folder)
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "_SPARE_BYTES", 1 << 60)
        with pytest.raises(StorageFull, match="MB free"):
            await back_up(database_url, tmp_path, folder)
    with closing(sqlite3.connect(tmp_path / "hearsay.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await store.close()
    damaged = bytearray((tmp_path / "hearsay.db").read_bytes())
    damaged[4096 : 8 * 4096] = bytes(7 * 4096)
    (tmp_path / "hearsay.db").write_bytes(damaged)
    with pytest.raises(StoreError):
        await back_up(database_url, tmp_path, folder)
    assert [*folder.iterdir()] == []


def _miscount(found: Manifest) -> Manifest:
    return replace(found, tables={**found.tables, "jobs": 7})


@pytest.mark.sqlite_only
async def test_it_is_on_the_disk_before_it_has_its_name(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    await add()
    synced: list[tuple[str, bool]] = []

    def note(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append((path.name, any(folder.glob("hearsay-*"))))

    monkeypatch.setattr(os, "fsync", note)
    made = await back_up(database_url, tmp_path, folder)
    parts = [has_name for name, has_name in synced if name.endswith(".part")]
    assert parts == [False] and synced[-1] == (folder.name, True)
    assert made.path.stat().st_size > made.manifest.size_bytes
