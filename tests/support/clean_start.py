"""Databases for tests, migrated once per process and copied, and waiting for their jobs."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from core.models import OPEN_STATES, JobState
from core.store import Store, make_cipher, migrate
from tests.support.virtual_time import current_clock, is_virtual


class _Compiled(dict[Any, Any]):
    """A cache of compiled statements, shared by engines with the same key."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


#: By kind of database.
_COMPILED = {"sqlite": _Compiled(), "postgresql": _Compiled()}
_KEY = Fernet.generate_key()
#: Beside the key, where the database is no file: its URL.
URL_FILE = "database_url"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        path = Path(folder) / "hearsay.db"
        thread.submit(asyncio.run, migrate(f"sqlite:///{path}")).result()
        return path.read_bytes()


def make_database(home: Path) -> str:
    """Create a migrated database in `home` unless there is one; return its URL."""
    path, elsewhere = home / "hearsay.db", home / URL_FILE
    if elsewhere.exists():
        return elsewhere.read_text()
    if not path.exists():
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"


def ask_database(home: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run a statement on the database in `home`, outside the program. "?" stands for a value."""
    if (home / URL_FILE).exists():
        from tests.support.postgresql import ask

        return ask((home / URL_FILE).read_text(), statement, *values)
    with closing(sqlite3.connect(home / "hearsay.db", isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def read_stored(home: Path) -> bytes:
    """Return all that is on the disk of the database in `home`, and of the files beside it."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name != URL_FILE]
    if (home / URL_FILE).exists():
        from tests.support.postgresql import list_files

        files += list_files((home / URL_FILE).read_text())
    return b"".join(path.read_bytes() for path in files)


def open_store(home: Path, storage_url: str | None = None) -> Store:
    """Return a store on the database in `home`; a missing key is created."""
    key = home / "secret.key"
    if not key.exists():
        key.touch(0o600)
        key.write_bytes(_KEY)
    url = make_database(home)
    store = Store(url, make_cipher(None, home), current_clock(), storage_url)
    if key.read_bytes() == _KEY:
        for side in (store._database._writer, store._database._readers):
            side.engine._compiled_cache = _COMPILED[side.engine.dialect.name]
    return store


async def settle(store: Store) -> dict[JobState, int]:
    """Wait until no job is open; return the number in each state."""
    pause_s, longest_s, timeout_s = 0.01, 0.1, 60.0
    if is_virtual():
        longest_s, timeout_s = 10.0, 100_000.0
    async with asyncio.timeout(timeout_s):
        while True:
            counts = await store.jobs.counts()
            if not set(OPEN_STATES) & set(counts):
                return counts
            # In real time too: jobs of another process send no notification.
            await asyncio.sleep(pause_s)
            pause_s = min(longest_s, 1.5 * pause_s)
