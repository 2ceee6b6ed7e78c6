"""Moving a database to one of the other kind, and back: nothing changes, nothing is left."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.commands import pick_command
from core.errors import ConfigError, StoreError
from core.models import Answer, JobState, Usage
from core.privacy.archive import ExportSound
from core.privacy.export import dump
from core.store import Store, open_cipher
from core.store.database.cipher import make_key
from core.store.database.encryption import name_source
from core.store.database.migrate import migrate, open_plain
from core.store.database.tables import jobs
from core.store.moving import rows as pages
from core.store.moving.move import move
from core.store.moving.rows import list_tables, write_page
from core.store.work.queue import has_queue
from tests.conftest import NewMessage, ask_for_help
from tests.store.conftest import Add, claim
from tests.support.clean_start import ask_database, open_store
from tests.support.every_table import PRIVATE, fill_every_table
from tests.support.moved import find_other, is_empty, move_to, read_all, settle_in
from tests.support.postgresql import PostgresServer
from tests.support.stored_rows import read_rows
from tests.support.virtual_time import BEGAN_AT

MB = 1_000_000
_WAITING = (
    select(jobs.c.job_id, jobs.c.chat_pk)
    .where(jobs.c.state == JobState.WAITING)
    .order_by(jobs.c.turn, jobs.c.seq)
)
_ENTRIES = text("SELECT args->>'job_id' FROM procrastinate_jobs ORDER BY priority DESC, id")
_LOCKS = text("SELECT DISTINCT lock FROM procrastinate_jobs")
#: In one table, with a content of so many bytes.
ROWS, ROW_BYTES = 5_000, 2_500


@pytest.fixture
def other_url(tier: str, postgresql: PostgresServer, tmp_path: Path) -> str:
    """The URL of an empty database of the other kind."""
    return find_other(tier, postgresql, tmp_path)


@pytest.fixture
def other_home(other_url: str, store: Store, tmp_path: Path) -> Path:
    """Where `open_store` opens that database, once it is there."""
    return settle_in(tmp_path / "other", tmp_path / "secret.key", other_url)


async def fill(store: Store, new_message: NewMessage, home: Path) -> None:
    """Fill every table, but for the lease of a process that would seem to run there."""
    await fill_every_table(store, new_message)
    ask_database(home, "DELETE FROM leases")


async def test_there_and_back_nothing_changes(
    store: Store, database_url: str, other_url: str, other_home: Path, new_message: NewMessage,
    monkeypatch: pytest.MonkeyPatch, tier: str, postgresql: PostgresServer, tmp_path: Path,
) -> None:  # fmt: skip
    await fill(store, new_message, tmp_path)
    opened, stored = await read_rows(store), read_all(database_url)
    await store.close()
    monkeypatch.setattr(pages, "PAGE_ROWS", 2)
    monkeypatch.setattr(pages, "PAGE_BYTES", 500)
    moved = await move_to(database_url, other_url, tmp_path)
    assert {name for name, content in moved.tables.items() if not content.rows} <= {"objects"}
    assert read_all(other_url) == stored
    other = open_store(other_home)
    found = await read_rows(other)
    await other.close()
    for (table, key), (values, _) in opened.items():
        for one in (values, found[table, key][0]):
            one.pop("entry", None)
        assert found[table, key][0] == values
    back = postgresql.create_empty() if tier == "postgresql" else f"sqlite:///{tmp_path / 'b.db'}"
    assert await move_to(other_url, back, tmp_path) == moved
    assert read_all(back) == stored


async def test_an_export_is_the_same_to_the_byte(
    store: Store, database_url: str, other_url: str, other_home: Path, new_message: NewMessage,
    tmp_path: Path,
) -> None:  # fmt: skip
    await fill(store, new_message, tmp_path)
    before = await export(store)
    await store.close()
    await move_to(database_url, other_url, tmp_path)
    other = open_store(other_home)
    assert await export(other) == before
    await other.close()


async def export(store: Store) -> list[bytes]:
    """Return what is exported for a person, and its sound."""
    sound = ExportSound(MB, MB)
    found, _ = await store.exports.collect(PRIVATE, "7", sound)
    return [*dump(found), *sound.files.values()]


async def test_new_rows_follow_the_old_ones(
    store: Store, database_url: str, other_url: str, other_home: Path, add: Add,
    new_message: NewMessage, tmp_path: Path,
) -> None:  # fmt: skip
    old = [await add(str(number)) for number in range(3)]
    await store.close()
    await move_to(database_url, other_url, tmp_path)
    other = open_store(other_home)
    new = await other.intake.add(ask_for_help(new_message, "new"), pick_command)
    found = await other.jobs.recent([JobState.WAITING], 9)
    await other.close()
    assert new and [job.job_id for job in found] == [
        new.job_id,
        *(job.job_id for job in reversed(old)),
    ]


async def test_open_jobs_are_in_the_queue_once_and_in_order(
    store: Store, database_url: str, other_url: str, other_home: Path, add: Add, tmp_path: Path
) -> None:
    for chat in "112":
        await add(chat)
    held, done = await add("3", is_held=True), await add("4")
    await store.jobs.finish(done.job_id, JobState.DONE)
    in_order = await store._database.rows(_WAITING)  # with the note to the held one
    await store.close()
    await move_to(database_url, other_url, tmp_path)
    other = open_store(other_home)
    assert [job.job_id for job in await other.jobs.recent([JobState.HELD], 9)] == [held.job_id]
    if other.is_shared:
        assert await other.shared_jobs.repair() == 0
        assert await other._database.rows(_ENTRIES) == [(one.job_id,) for one in in_order]
        assert len(await other._database.rows(_LOCKS)) == len("123")
    else:
        begun = [await claim(other) for _ in "123"]
        first = {one.chat_pk: one.job_id for one in reversed(in_order)}
        assert {*begun} == {*first.values()} and not await claim(other)
    await other.close()


async def test_the_same_key_opens_it_and_no_other(
    store: Store, database_url: str, other_url: str, add: Add, tmp_path: Path
) -> None:
    await add()
    await store.close()
    await move_to(database_url, other_url, tmp_path)
    await open_cipher(other_url, name_source(None, tmp_path))
    with pytest.raises(ConfigError, match="is not the key of"):
        await open_cipher(other_url, name_source(make_key(), tmp_path))


async def test_an_interrupted_move_leaves_an_empty_target(
    store: Store, database_url: str, other_url: str, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill(store, new_message, tmp_path)
    stored = read_all(database_url)
    await store.close()
    keys = name_source(None, tmp_path)

    def interrupt_at(share: float) -> None:
        def interrupt(table: str, done: int, total: int) -> None:
            if done > share * total:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            move(database_url, other_url, keys, None, interrupt)

    for share in (0, 0.3, 0.9):
        await asyncio.to_thread(interrupt_at, share)
        assert is_empty(other_url) and read_all(database_url) == stored
    await move_to(database_url, other_url, tmp_path)
    assert read_all(other_url) == stored


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_copy_that_differs_is_not_kept(
    store: Store, database_url: str, other_url: str, other_home: Path, is_lost: bool, tmp_path: Path
) -> None:
    await store.results.save_answer("answer", Answer("words", usage=Usage("mimo", "m", 1.0)))
    await store.close()
    await migrate(other_url)
    _spoil(other_url, is_lost=is_lost)
    with pytest.raises(StoreError, match=r"table answers differs after the copy \(1 rows, 1"):
        await move_to(database_url, other_url, tmp_path)
    assert is_empty(other_url)


def _spoil(url: str, *, is_lost: bool) -> None:
    """Let a database lose, or change, each answer that is inserted."""
    engine = open_plain(url)
    with engine.begin() as connection:
        if has_queue(connection):
            act = "RETURN NULL" if is_lost else "NEW.key := 'x'; RETURN NEW"
            body = f"RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act}; END $$"
            connection.exec_driver_sql(f"CREATE FUNCTION spoil() {body}")
            when = "BEFORE INSERT ON answers FOR EACH ROW EXECUTE FUNCTION spoil()"
        else:
            act = "DELETE FROM answers" if is_lost else "UPDATE answers SET key = 'x'"
            when = f"AFTER INSERT ON answers BEGIN {act}; END"
        connection.exec_driver_sql(f"CREATE TRIGGER spoil {when}")
    engine.dispose()


def test_pages_are_bounded_in_rows_and_bytes() -> None:
    mib = 2**20
    assert pages._fit([]) == 1
    assert pages._fit([100] * 5000) == 5000
    assert pages._fit([9 * mib, 1]) == 1
    assert pages._fit([3 * mib, 3 * mib, 3 * mib]) == 2


async def test_memory_does_not_grow_with_the_rows(
    store: Store, database_url: str, other_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 2 * 2**20)
    await store.close()
    await asyncio.to_thread(_add_rows, database_url)
    tracemalloc.start()
    moved = await move_to(database_url, other_url, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert moved.tables["answers"].rows == ROWS and moved.tables["sounds"].rows == 30
    assert peak < 5 * pages.PAGE_BYTES < ROWS * ROW_BYTES


def _add_rows(url: str) -> None:
    engine = open_plain(url)
    [answers] = [table for table in list_tables() if table.name == "answers"]
    [sounds] = [table for table in list_tables() if table.name == "sounds"]
    with engine.begin() as connection:
        for start in range(0, ROWS, 1000):
            rows = [
                (f"#{number}", BEGAN_AT, b"x" * ROW_BYTES) for number in range(start, start + 1000)
            ]
            write_page(connection, answers, rows)
        for number in range(30):
            write_page(connection, sounds, [(f"#{number}", BEGAN_AT, b"x" * 2**20, None)])
    engine.dispose()
