"""What a backup says of itself: the first piece of its file, encrypted like the rest."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigError, StoreError
from core.store.backups.sealed_file import DamagedBackup
from core.store.database.migrate import list_revisions

_BLOCK_BYTES = 1 << 20
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_REVISION = "SELECT version_num FROM alembic_version"
_OPEN = "SELECT count(*) FROM jobs WHERE finished_at IS NULL AND state IN ('waiting', 'running')"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The facts of a backup."""

    created_at: datetime
    #: Of the program.
    version: str
    #: The newest migration of the database.
    revision: str
    #: The kind of database: SQLITE or POSTGRESQL. The content is SQLite's in any case.
    kind: str
    #: The number of rows of each table.
    tables: Mapping[str, int]
    #: Of the content, an SQLite database.
    size_bytes: int
    sha256: str
    #: The ids of the keys that decrypt its values, in hexadecimal digits.
    keys: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows of all tables."""
        return sum(self.tables.values())

    @property
    def objects(self) -> int:
        """The number of objects at STORAGE_URL that rows refer to. They are not in the backup."""
        return self.tables.get("objects", 0)


_JSON = TypeAdapter(Manifest)


def describe_database(path: Path, created_at: datetime, version: str, kind: str) -> Manifest:
    """Return the manifest of an SQLite file that nobody uses. Raises StoreError."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with closing(open_still(path)) as connection:
        try:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            tables = [name for (name,) in connection.execute(_TABLES)]
            counts = {name: _count(connection, name) for name in sorted(tables)}
            [revision] = connection.execute(_REVISION).fetchone()
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise StoreError(f"the copy of the database is damaged: {found}")
    size_bytes = path.stat().st_size
    return Manifest(created_at, version, revision, kind, counts, size_bytes, sha256)


def dump(manifest: Manifest) -> bytes:
    """Return a manifest as JSON."""
    return _JSON.dump_json(manifest)


def read_manifest(name: str, piece: bytes) -> Manifest:
    """Return the manifest of the backup `name`. Raises ConfigError if it is too new for us."""
    try:
        manifest = _JSON.validate_json(piece)
    except ValidationError:
        raise DamagedBackup(name, "nobody can read what it says of itself") from None
    if manifest.revision not in list_revisions():
        raise ConfigError(
            f"{name} is of version {manifest.version} and newer than the program: update the "
            "program first"
        )
    return manifest


def count_open(path: Path) -> int:
    """Return how many jobs of an SQLite file are open."""
    with closing(open_still(path)) as connection:
        return int(connection.execute(_OPEN).fetchone()[0])


def open_still(path: Path) -> sqlite3.Connection:
    """Return a connection to an SQLite file that nobody writes to, which makes none beside it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608
