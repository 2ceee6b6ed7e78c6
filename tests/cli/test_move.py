"""hearsay move: what it prints, and what it refuses before anything is written."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bots.home import lock_home
from tests.cli.test_doctor import fill
from tests.support.hearsay_command import KEY, Hearsay
from tests.support.moved import is_empty, read_all
from tests.support.postgresql import PostgresServer

pytestmark = pytest.mark.real_time


@pytest.fixture
async def filled(hearsay: Hearsay) -> Hearsay:
    """A home whose database has rows."""
    await fill(hearsay.home)
    return hearsay


@pytest.fixture
def source(filled: Hearsay) -> str:
    return f"sqlite:///{filled.database}"


@pytest.fixture
def target(postgresql: PostgresServer) -> str:
    return postgresql.create_empty()


#: A move that is killed as soon as it has read some of the copy back.
KILLED = """
import os, signal, sys
from pathlib import Path
from core.store.database.encryption import name_source
from core.store.moving.move import move

def kill(table, done, total):
    if done > 0.6 * total:
        os.kill(os.getpid(), signal.SIGKILL)

move(*sys.argv[1:], name_source(None, Path()), None, kill)
"""


def refuse(hearsay: Hearsay, source: str, target: str, code: int = 78) -> str:
    """Return the one line with which a move is refused."""
    done = hearsay("move", source, target)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    [line] = done.stderr.splitlines()
    return line


async def test_it_prints_what_was_moved(filled: Hearsay, source: str, target: str) -> None:
    stored = read_all(source)
    done = await asyncio.to_thread(filled, "move", source, target)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["TABLE", "ROWS", "HASH"]
    count = sum(rows.total() for rows in stored.values())
    assert f"Moved {count} rows; both databases hold the same." in done.stdout
    assert read_all(target) == stored == read_all(source)
    back = f"sqlite:///{filled.folder / 'new' / 'hearsay.db'}"
    done = await asyncio.to_thread(filled, "move", "--json", target, back)
    moved = json.loads(done.stdout)
    assert moved["rows"] == count and len(moved["tables"][0]["hash"]) == 64
    assert [name for name in (filled.folder / "new").iterdir() if name.stat().st_mode & 0o077] == []
    assert read_all(back) == stored
    # It is used like any other, by the same key.
    listed = await asyncio.to_thread(filled, "jobs", "list", DATABASE_URL=target)
    assert listed.returncode == 0 and listed.stdout


def test_what_is_no_database_is_refused(hearsay: Hearsay, target: str) -> None:
    good = f"sqlite:///{hearsay.database}"
    for url in (f"mysql://a:{KEY}@b/c", "hearsay.db", f"postgresql://a:{KEY}@b:port/c"):
        assert "SOURCE must be a database URL" in refuse(hearsay, url, target)
        assert "TARGET must be a database URL" in refuse(hearsay, good, url)
    assert "names no file" in refuse(hearsay, "sqlite://", target)
    assert "there is no database" in refuse(hearsay, good, target)
    assert not hearsay.database.exists() or not hearsay.database.stat().st_size
    nobody = f"postgresql+psycopg://hearsay:{KEY}@127.0.0.1:1/x"
    assert "x on 127.0.0.1: OperationalError" in refuse(hearsay, nobody, good, 74)


async def test_the_same_database_is_refused(filled: Hearsay, source: str, target: str) -> None:
    link = filled.folder / "link.db"
    link.symlink_to(filled.database)
    for one, other in ((source, source), (source, f"sqlite:///{link}"), (target, target)):
        line = await asyncio.to_thread(refuse, filled, one, other)
        assert "are the same database" in line


async def test_another_version_is_refused(filled: Hearsay, source: str, target: str) -> None:
    for version, remedy in (("0026", "run hearsay migrate"), ("9999", "update the program")):
        with closing(sqlite3.connect(filled.database)) as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
            connection.commit()
        assert remedy in await asyncio.to_thread(refuse, filled, source, target)


async def test_a_target_with_any_row_is_refused(
    filled: Hearsay, source: str, target: str, postgresql: PostgresServer
) -> None:
    postgresql.execute("CREATE TABLE theirs (a int)", target.rpartition("/")[2])
    postgresql.execute("INSERT INTO theirs VALUES (1)", target.rpartition("/")[2])
    line = await asyncio.to_thread(refuse, filled, source, target)
    assert "is not empty, its table theirs has rows" in line and "TARGET" in line
    # Nothing was created beside it.
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert postgresql.execute(tables, target.rpartition("/")[2]) == [("theirs",)]
    other = filled.folder / "other.db"
    shutil.copy(filled.database, other)
    line = await asyncio.to_thread(refuse, filled, source, f"sqlite:///{other}")
    assert "other.db is not empty" in line


async def test_a_source_in_use_is_refused(filled: Hearsay, source: str, target: str) -> None:
    with lock_home(filled.home):
        line = await asyncio.to_thread(refuse, filled, source, target)
        assert "another hearsay is already running" in line
    with closing(sqlite3.connect(filled.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        line = await asyncio.to_thread(refuse, filled, source, target)
    assert "a hearsay is running on" in line and "stop it first" in line


@pytest.fixture
def moved(postgresql: PostgresServer) -> str:
    return postgresql.create()


@pytest.fixture(params=["connected", "worker", "lease", "writing"])
def user(request: pytest.FixtureRequest, moved: str) -> Iterator[str]:
    """Something by which a process shows that it uses a PostgreSQL database."""
    address = moved.replace("+psycopg", "")
    name = "hearsay" if request.param == "connected" else "another"
    with psycopg.connect(address, application_name=name) as connection:
        if request.param == "worker":
            connection.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        elif request.param == "lease":
            connection.execute("INSERT INTO leases VALUES ('a', 'b', now() + interval '9 s')")
        if request.param != "writing":
            connection.commit()
        else:
            connection.execute("INSERT INTO switches VALUES ('a', now())")
        yield request.param


def test_a_postgresql_source_in_use_is_refused(hearsay: Hearsay, moved: str, user: str) -> None:
    target = f"sqlite:///{hearsay.folder / 'new.db'}"
    assert "a hearsay is running on" in refuse(hearsay, moved, target), user
    assert not (hearsay.folder / "new.db").exists()


async def test_killed_in_the_middle_it_can_be_repeated(
    filled: Hearsay, source: str, target: str, tmp_path: Path
) -> None:
    back = f"sqlite:///{tmp_path / 'back.db'}"
    for one, other in ((source, target), (target, back)):
        killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, one, other)
        assert await killed.wait() == -9
        assert is_empty(other)
        assert (await asyncio.to_thread(filled, "move", one, other)).returncode == 0
        assert read_all(other) == read_all(source)
