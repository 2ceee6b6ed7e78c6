"""Databases for tests: migrated once in each process, then copied."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from core.store import Store, make_cipher, migrate
from tests.support.virtual_time import current_clock


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        path = Path(folder) / "hearsay.db"
        thread.submit(asyncio.run, migrate(f"sqlite:///{path}")).result()
        return path.read_bytes()


def make_database(home: Path) -> str:
    """Make a migrated database in `home` unless there is one; return its address."""
    path = home / "hearsay.db"
    if not path.exists():
        path.write_bytes(_migrated())
    return f"sqlite:///{path}"


def open_store(home: Path) -> Store:
    """Return a store on a database in `home`, with a key of its own, by the loop's clock."""
    return Store(make_database(home), make_cipher(None, home), current_clock())
