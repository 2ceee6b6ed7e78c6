"""Transactions that another one, an operator or a restart of PostgreSQL is in the way of.

Each is tried again as a whole, at most five times, or is an error that says that it was not done.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from core.errors import StorageFull, StoreError
from core.models import Transcript
from core.store import Store, make_cipher
from core.store.database.check import DatabaseCondition, examine
from core.store.database.postgresql import TRIES
from core.store.database.tables import transcripts
from tests.store.test_rotation import count_heads
from tests.support.clean_start import URL_FILE, ask_database
from tests.support.postgresql import PostgresServer

#: Keeps what is committed until the deferred trigger has slept: a commit that takes its time.
SLOW_COMMIT = (
    "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql"
    " AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$",
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED"
    " FOR EACH ROW EXECUTE FUNCTION doze()",
)


@pytest.fixture
def store(stores: list[Store], tmp_path: Path) -> Store:
    """A store whose database has a table of numbers: 1 and 2, both with the value 0."""
    ask_database(tmp_path, "CREATE TABLE numbers (number INTEGER PRIMARY KEY, value INTEGER)")
    ask_database(tmp_path, "INSERT INTO numbers VALUES (1, 0), (2, 0)")
    return stores[0]


def read_values(home: Path) -> list[int]:
    return [row[0] for row in ask_database(home, "SELECT value FROM numbers ORDER BY number")]


def raise_value(connection: Connection, number: int) -> None:
    change = f"UPDATE numbers SET value = value + 1 WHERE number = {number}"
    connection.exec_driver_sql(change)


def add_number(connection: Connection, number: int) -> None:
    connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({number}, 0)")


async def test_of_two_that_wait_for_each_other_both_are_done(store: Store, tmp_path: Path) -> None:
    both, tries = threading.Barrier(2), count()

    def lock(connection: Connection, first: int, second: int) -> None:
        raise_value(connection, first)
        if next(tries) < 2:
            both.wait(60)
        raise_value(connection, second)

    works = (partial(lock, first=1, second=2), partial(lock, first=2, second=1))
    await asyncio.gather(*map(store._database.write, works))
    assert read_values(tmp_path) == [2, 2]
    assert next(tries) == 3, "one of them was tried again"


async def test_one_that_cannot_be_serialized_is_tried_again(store: Store, tmp_path: Path) -> None:
    tries = count(1)

    def work(connection: Connection) -> int:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        connection.exec_driver_sql("SELECT value FROM numbers").all()
        if (number := next(tries)) < 3:
            ask_database(tmp_path, "UPDATE numbers SET value = value + 10 WHERE number = 1")
        raise_value(connection, 1)
        return number

    assert await store._database.write(work) == 3
    assert read_values(tmp_path) == [21, 0]


async def test_after_five_tries_it_is_an_error_and_nothing_was_done(
    store: Store, tmp_path: Path
) -> None:
    tries = count()

    def work(connection: Connection) -> None:
        next(tries)
        raise_value(connection, 1)
        statement = "DO $$ BEGIN RAISE 'canary' USING ERRCODE = 'serialization_failure'; END $$"
        connection.exec_driver_sql(statement)

    with pytest.raises(StoreError, match="SerializationFailure"):
        await store._database.write(work)
    assert next(tries) == TRIES == 5 and read_values(tmp_path) == [0, 0]
    await store._database.write(lambda one: raise_value(one, 2))
    assert read_values(tmp_path) == [0, 1]


async def test_one_whose_connection_ends_is_done_once(store: Store, tmp_path: Path) -> None:
    tries = count()

    def work(connection: Connection) -> None:
        raise_value(connection, 1)
        if next(tries) < 2:
            own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            ask_database(tmp_path, f"SELECT pg_terminate_backend({own}, 10000)")
        raise_value(connection, 2)

    await store._database.write(work)
    assert read_values(tmp_path) == [1, 1] and next(tries) == 3


@pytest.mark.real_time
async def test_one_whose_connection_ends_during_the_commit_is_reported(
    store: Store, tmp_path: Path
) -> None:
    for statement in SLOW_COMMIT:
        ask_database(tmp_path, statement)
    tries = count()

    def work(connection: Connection) -> None:
        next(tries)
        add_number(connection, 3)

    writing = asyncio.create_task(store._database.write(work))
    ended: list[tuple[Any, ...]] = []
    while not ended:
        ended = await asyncio.to_thread(
            ask_database,
            tmp_path,
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query = 'COMMIT' AND state = 'active'",
        )
    with pytest.raises(StoreError, match="broke during a commit"):
        await writing
    assert next(tries) == 1, "it may have been done: to try it again could do it twice"


async def test_with_too_many_connections_nothing_is_shown_but_that(
    store: Store, tmp_path: Path, postgresql: PostgresServer
) -> None:
    role = f"few_{time.monotonic_ns()}"
    for statement in (
        f"CREATE ROLE {role} LOGIN PASSWORD 'canary' CONNECTION LIMIT 0",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ):
        ask_database(tmp_path, statement)
    url = (tmp_path / URL_FILE).read_text().replace("hearsay@", f"{role}:canary@")
    other = Store(url, make_cipher(None, tmp_path))
    for call in (other.results.find("key"), other.results.save("key", Transcript("x"))):
        with pytest.raises(StoreError, match="too many connections") as caught:
            await call
        assert "canary" not in str(caught.value)
    ask_database(tmp_path, f"ALTER ROLE {role} CONNECTION LIMIT 8")
    await asyncio.gather(*(other.results.save(f"{n}", Transcript("x")) for n in range(20)))
    assert await other.results.find("19") == Transcript("x")
    await other.close()


@pytest.mark.real_time
async def test_a_restart_is_survived(
    store: Store, tmp_path: Path, postgresql: PostgresServer
) -> None:
    """What was reported as done is done once; what was not is an error of the store."""
    name = (tmp_path / URL_FILE).read_text().rpartition("/")[2]
    # As it is unless somebody changes it, which our tests do: for them no commit has to last.
    ask_database(tmp_path, f"ALTER DATABASE {name} SET synchronous_commit = on")
    numbers, done, failed = count(10), list[int](), list[int]()
    is_over = False

    async def write() -> None:
        while not is_over:
            number = next(numbers)
            try:
                await store._database.write(partial(add_number, number=number))
            except StoreError:
                failed.append(number)
            else:
                done.append(number)

    writing = [asyncio.create_task(write()) for _ in range(4)]
    for mode in ("immediate", "fast"):
        before = len(done)
        while len(done) < before + 20:
            await asyncio.sleep(0.001)  # the writers are given their turns
        await asyncio.to_thread(postgresql.end, mode)
        await asyncio.to_thread(postgresql.begin)
        async with asyncio.timeout(10):
            assert await store.results.find("key") is None
            await store.results.save(mode, Transcript("x"))
    is_over = True
    await asyncio.gather(*writing)
    kept = {row[0] for row in ask_database(tmp_path, "SELECT number FROM numbers")}
    assert {*done} <= kept <= {1, 2, *done, *failed}


async def test_a_full_disk_is_told_apart(store: Store, tmp_path: Path) -> None:
    for statement in (
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE 'canary' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER is_full BEFORE INSERT ON transcripts EXECUTE FUNCTION fill()",
    ):
        ask_database(tmp_path, statement)
    with pytest.raises(StorageFull, match=r"cannot grow: its disk is full\.") as caught:
        await store.results.save("key", Transcript("x"))
    assert "canary" not in str(caught.value)
    assert store.probes.fault == str(caught.value)
    ask_database(tmp_path, "DROP TRIGGER is_full ON transcripts")
    await store.probes.check_space()
    assert store.probes.fault == ""


async def test_an_empty_database_is_none(postgresql: PostgresServer) -> None:
    url = postgresql.create_empty()
    assert await examine(url) == DatabaseCondition(is_there=False, schema="old")
    assert await examine(postgresql.create()) == DatabaseCondition(True, schema="current")


@pytest.fixture
def held(store: Store) -> Iterator[threading.Event]:
    """Set to let a transaction go on; in the end it always does."""
    event = threading.Event()
    yield event
    event.set()


async def test_what_began_with_the_old_key_ends_with_the_new_one(
    stores: list[Store], store: Store, held: threading.Event, tmp_path: Path
) -> None:
    here, there = stores
    await here.results.save("before", Transcript("x"))
    has_begun, tries = threading.Event(), count()

    def write(connection: Connection) -> None:
        next(tries)
        ours = {"key": "slow", "created_at": here._database.now(), "content": Transcript("x")}
        connection.execute(transcripts.insert(), ours)
        has_begun.set()
        held.wait(60)

    writing = asyncio.create_task(here._database.write(write))
    await asyncio.to_thread(has_begun.wait, 60)
    rotating = asyncio.create_task(there.rotation.run(lambda count: None))
    while "," not in (tmp_path / "secret.key").read_text():
        await asyncio.to_thread(time.sleep, 0.001)
    await asyncio.to_thread(time.sleep, 0.1)  # nothing tells that it waits
    assert not rotating.done()
    held.set()
    await asyncio.gather(writing, rotating)
    assert next(tries) == 2, "it was tried again with the new key"
    assert len(count_heads((tmp_path / URL_FILE).read_text())) == 1
    assert await there.results.find("slow") == Transcript("x")
