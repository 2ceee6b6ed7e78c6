"""Restoring a backup into an empty database, whichever kind that is."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from core.errors import ConfigError, StoreError
from core.models import JobState
from core.store.backups.manifest import Manifest, count_open
from core.store.backups.unpacking import unpack
from core.store.database.check import find_path
from core.store.database.cipher import KeySource
from core.store.database.encryption import build_cipher, sync
from core.store.database.migrate import is_there, migrate, name_database
from core.store.moving.move import OnProgress, move
from core.store.moving.sides import find_filled

#: The error of jobs that were open in a backup and are not to run by themselves.
SKIPPED = "OpenInBackup"
_SKIP = (
    "UPDATE jobs SET state = ?, finished_at = ?, error = ?"
    " WHERE finished_at IS NULL AND state IN (?, ?)"
)
_COPY = "hearsay.db"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored."""

    manifest: Manifest
    #: Jobs that are answered after the next start, and those that an operator may run again.
    open_jobs: int
    skipped_jobs: int = 0


@dataclass(frozen=True, slots=True)
class Restoring:
    """How a backup is restored."""

    url: str
    keys: KeySource
    storage_url: str | None
    #: The current moment, if jobs that were open are to be dead letters; None to let them run.
    skips_at: datetime | None = None


def check_backup(file: BinaryIO, keys: KeySource, workspace: Path) -> Restored:
    """Read a backup as a restore does, and write nothing that stays. Raises as `restore`."""
    copy = workspace / _COPY
    return Restored(unpack(file, keys, copy), count_open(copy))


def restore(
    file: BinaryIO,
    to: Restoring,
    workspace: Path,
    on_progress: OnProgress = lambda table, done, total: None,
) -> Restored:
    """Restore a backup into an empty or new database, all or nothing.

    workspace: an empty folder; for SQLite on the file system of the database. Blocking.
    Raises ConfigError for what the operator has to correct, StoreError.
    """
    refuse_filled(to.url)
    copy = workspace / _COPY
    manifest = unpack(file, to.keys, copy)
    copy_url = f"sqlite:///{copy}"
    asyncio.run(migrate(copy_url, build_cipher(to.keys)))
    skipped = _skip_open(copy, to.skips_at) if to.skips_at else 0
    open_jobs = count_open(copy)
    path = find_path(to.url)
    if path is None:
        move(copy_url, to.url, to.keys, to.storage_url, on_progress)
    else:
        _put(copy, path)
    return Restored(manifest, open_jobs, skipped)


def refuse_filled(url: str) -> None:
    """Raise ConfigError where a database with rows exists, StoreError if it cannot be read."""
    if not is_there(url) or not (table := find_filled(url)):
        return
    name = name_database(url)
    remedy = f"move {name}* to another folder" if find_path(url) else "create an empty database"
    raise ConfigError(f"{name} is not empty, its table {table} has rows: {remedy} first")


def _skip_open(path: Path, now: datetime) -> int:
    """Make dead letters of the jobs that run or wait, and return how many there were."""
    moment = now.replace(tzinfo=None).isoformat(" ", "microseconds")
    values = JobState.DEAD, moment, SKIPPED, JobState.WAITING, JobState.RUNNING
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(_SKIP, values).rowcount


def _put(copy: Path, path: Path) -> None:
    """Give a verified copy the name of the database. What was there has no rows."""
    # It is migrated, and perhaps changed, since it was verified.
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"the restored database is damaged: {found}")
    for beside in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        beside.unlink(missing_ok=True)
    sync(copy)
    copy.replace(path)
    sync(path.parent)
