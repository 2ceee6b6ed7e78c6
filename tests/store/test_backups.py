"""A backup of a database in use: whole, of one moment, and the same on either kind of database."""

from __future__ import annotations

import asyncio
import sqlite3
import tracemalloc
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.commands import pick_command
from core.errors import ConfigError
from core.models import JobState
from core.store import Store
from core.store.backups.folder import list_backups
from core.store.backups.restoring import SKIPPED, Restoring
from core.store.backups.unpacking import find_name
from core.store.database.cipher import find_key_id, make_key
from core.store.database.encryption import name_source
from core.store.database.migrate import list_revisions, migrate
from tests.conftest import NewMessage, ask_for_help
from tests.store.conftest import Add, claim, claim_job
from tests.support.backed_up import back_up, bring_back, read_as, restore_with
from tests.support.clean_start import ask_database, open_store
from tests.support.every_table import fill_every_table
from tests.support.moved import find_other, read_all, settle_in
from tests.support.postgresql import PostgresServer
from tests.support.stored_rows import read_rows
from tests.support.virtual_time import BEGAN_AT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "backups"
    path.mkdir()
    return path


async def test_all_of_it_comes_back_on_either_kind_of_database(
    store: Store, database_url: str, new_message: NewMessage, tier: str,
    postgresql: PostgresServer, tmp_path: Path, folder: Path,
) -> None:  # fmt: skip
    await fill_every_table(store, new_message)
    opened, stored = await read_rows(store), read_all(database_url)
    made = await back_up(database_url, tmp_path, folder)
    manifest = made.manifest
    assert (manifest.kind, manifest.revision) == (tier, list_revisions()[-1])
    assert {name: manifest.tables[name] for name in stored} == {
        name: rows.total() for name, rows in stored.items()
    }
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert [*folder.iterdir()] == [made.path] and not (tmp_path / "backup.tmp").exists()
    other_url = find_other(tier, postgresql, tmp_path)
    same_url = f"sqlite:///{tmp_path / 'same' / 'hearsay.db'}"
    home = settle_in(tmp_path / "other", tmp_path / "secret.key", other_url)
    settle_in(tmp_path / "same", tmp_path / "secret.key", same_url)
    for url in (other_url, same_url):
        await bring_back(made.path, url, home)
        assert read_all(url) == stored
    other = open_store(home)
    found = await read_rows(other)
    await other.close()
    for (table, key), (values, _) in opened.items():
        if table != "leases":  # of processes that are not there
            for one in (values, found[table, key][0]):
                one.pop("entry", None)
            assert found[table, key][0] == values
    assert (tmp_path / "same" / "hearsay.db").stat().st_mode & 0o777 == 0o600


async def test_it_is_of_one_moment_and_nobody_waits_for_it(
    store: Store, database_url: str, new_message: NewMessage, tmp_path: Path, folder: Path
) -> None:
    """Messages keep coming; the backup has each of them with its job, and no gap."""
    is_done, count = asyncio.Event(), 0

    async def send() -> None:
        nonlocal count
        while not is_done.is_set() or count < 5:
            count += 1
            await store.intake.add(ask_for_help(new_message), pick_command)

    sending = asyncio.create_task(send())
    await asyncio.sleep(0)
    made = await back_up(database_url, tmp_path, folder)
    assert not sending.done()
    is_done.set()
    await sending
    home = settle_in(
        tmp_path / "new", tmp_path / "secret.key", f"sqlite:///{tmp_path}/new/hearsay.db"
    )
    await bring_back(made.path, f"sqlite:///{home}/hearsay.db", home)
    query = "SELECT message_id FROM messages JOIN jobs USING (message_pk) ORDER BY message_pk"
    kept = [message for (message,) in ask_database(home, query)]
    assert kept == [f"{number}" for number in range(1, len(kept) + 1)]
    assert len(kept) == made.manifest.tables["jobs"] == made.manifest.tables["messages"] <= count


@pytest.mark.sqlite_only
async def test_a_writer_under_way_is_not_waited_for(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path
) -> None:
    await add()
    with closing(sqlite3.connect(tmp_path / "hearsay.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM jobs")
        made = await back_up(database_url, tmp_path, folder)
        other.execute("ROLLBACK")
    assert made.manifest.tables["jobs"] == 1


async def test_open_jobs_run_again_or_are_dead_letters(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path
) -> None:
    jobs = [await add(str(number)) for number in range(4)]
    await store.jobs.finish(jobs[0].job_id, JobState.DONE)
    assert await claim(store)
    held = await add("5", is_held=True)
    made = await back_up(database_url, tmp_path, folder)
    for name, skips in (("plain", False), ("skipped", True)):
        url = f"sqlite:///{tmp_path / name / 'hearsay.db'}"
        home = settle_in(tmp_path / name, tmp_path / "secret.key", url)
        done = await bring_back(made.path, url, home, skips=skips)
        other = open_store(home)
        found = {job.job_id: job for job in await other.jobs.recent([*JobState], 9)}
        assert found[jobs[0].job_id].state is JobState.DONE
        assert found[held.job_id].state is JobState.HELD
        if not skips:
            assert (done.open_jobs, done.skipped_jobs) == (4, 0)
            await other.close()
            continue
        assert (done.open_jobs, done.skipped_jobs) == (0, 4)
        dead = [job for job in found.values() if job.state is JobState.DEAD]
        assert {job.error for job in dead} == {SKIPPED} and len(dead) == 4
        assert await claim_job(other) is None
        assert await other.jobs.retry(jobs[1].job_id)
        assert await claim(other) == jobs[1].job_id
        await other.close()


async def test_an_old_backup_is_migrated_and_a_newer_one_refused(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'hearsay.db'}"
    name_source(None, tmp_path).path.write_text(make_key())  # type: ignore[union-attr]
    await migrate(url, None, "0030")
    made = await back_up(url, tmp_path, folder)
    assert made.manifest.revision == "0030"
    new = f"sqlite:///{tmp_path / 'new.db'}"
    await bring_back(made.path, new, tmp_path)
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revision == list_revisions()[-1]
    monkeypatch.setattr("core.store.backups.manifest.list_revisions", lambda: ("0001", "0029"))
    with pytest.raises(ConfigError, match="newer than the program: update the program first"):
        await bring_back(made.path, f"{new}2", tmp_path)
    assert not (tmp_path / "new.db2").exists()


@pytest.mark.sqlite_only
async def test_no_other_key_opens_it_and_rotation_keeps_its_name(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path
) -> None:
    await add()
    made = await back_up(database_url, tmp_path, folder)
    old = (tmp_path / "secret.key").read_text()
    to = Restoring(f"sqlite:///{tmp_path / 'new.db'}", read_as(make_key()), None)
    own = f"{store._database.cipher.key_id.hex()}"
    with pytest.raises(ConfigError, match=f"with the key {own}, but HEARSAY_SECRET_KEY has the"):
        await restore_with(made.path, to, tmp_path)
    await store.rotation.run(lambda count: None)
    second = await back_up(database_url, tmp_path, folder)
    assert second.manifest.keys != made.manifest.keys == (own,)
    name = find_name(tmp_path / "hearsay.db", name_source(None, tmp_path))
    assert list_backups(folder, name) == [second.path, made.path]
    assert not (tmp_path / "new.db").exists()
    await restore_with(made.path, replace(to, keys=read_as(f"{make_key()},{old}")), tmp_path)
    assert (tmp_path / "new.db").exists()


@pytest.mark.sqlite_only
async def test_memory_does_not_grow_with_the_database(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path
) -> None:
    for number in range(16):
        await add(str(number), b"x" * 2_000_000)
    tracemalloc.start()
    made = await back_up(database_url, tmp_path, folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.size_bytes > 32_000_000 > 2 * peak
    assert made.manifest.created_at == BEGAN_AT


@pytest.mark.sqlite_only
async def test_while_keys_are_replaced_it_names_all_that_it_needs(
    store: Store, database_url: str, add: Add, tmp_path: Path, folder: Path
) -> None:
    await add()
    key, (old, new) = tmp_path / "secret.key", ((tmp_path / "secret.key").read_text(), make_key())
    ids = [find_key_id(one).hex() for one in (new, old)]
    await store._database.end_transactions()
    key.write_text(f"{new},{old}")
    made = await back_up(database_url, tmp_path, folder)
    assert made.manifest.keys == (*ids,)
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with pytest.raises(ConfigError, match=f"add the key {ids[1]} to HEARSAY_SECRET_KEY"):
        await restore_with(made.path, Restoring(url, read_as(new), None), tmp_path)
    await restore_with(made.path, Restoring(url, read_as(f"{new},{old}"), None), tmp_path)
    await store.rotation.run(lambda count: None)
    key.write_text(f"{new},{old}")  # the old one is still there, and needed no more
    assert (await back_up(database_url, tmp_path, folder)).manifest.keys == (ids[0],)
