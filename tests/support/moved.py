"""Databases that are moved: their rows as they are stored, and where they go."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from core.store.database.encryption import name_source
from core.store.database.migrate import open_plain
from core.store.moving.move import Moved, move
from core.store.moving.rows import list_tables, read_pages
from tests.support.clean_start import URL_FILE
from tests.support.postgresql import PostgresServer


async def move_to(source: str, target: str, home: Path, storage_url: str | None = None) -> Moved:
    """Move a database whose key is in `home`."""
    return await asyncio.to_thread(move, source, target, name_source(None, home), storage_url)


def find_other(tier: str, postgresql: PostgresServer, folder: Path) -> str:
    """Return the URL of an empty database of the other kind."""
    if tier == "sqlite":
        return postgresql.create_empty()
    return f"sqlite:///{folder / 'other' / 'hearsay.db'}"


def settle_in(home: Path, key: Path, url: str) -> Path:
    """Let `open_store` open a database in another home, with a copy of the key; return the home."""
    home.mkdir(exist_ok=True)
    (home / "secret.key").write_bytes(key.read_bytes())
    (home / "secret.key").chmod(0o600)
    if url.startswith("sqlite"):
        assert url == f"sqlite:///{home / 'hearsay.db'}"
    else:
        (home / URL_FILE).write_text(url)
    return home


def read_all(url: str) -> dict[str, Counter[tuple[Any, ...]]]:
    """Return every row that moves, byte for byte as it is stored."""
    engine = open_plain(url)
    try:
        with engine.connect() as connection:
            return {
                table.name: Counter(
                    tuple(row) for page in read_pages(connection, table) for row in page
                )
                for table in list_tables()
            }
    finally:
        engine.dispose()


def is_empty(url: str) -> bool:
    """Return whether no table that moves has a row."""
    return not any(read_all(url).values())
