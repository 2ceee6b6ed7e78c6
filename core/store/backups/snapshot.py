"""A consistent copy of a database that others use meanwhile, as an SQLite file."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import ConfigError, StorageFull
from core.store.database.check import find_path
from core.store.database.connections import BUSY_TIMEOUT_MS
from core.store.database.errors import read_error
from core.store.moving.move import Copy, OnProgress
from core.store.moving.sides import open_snapshot, open_target

#: In HEARSAY_HOME: what is under way, which a later backup removes if it was killed.
_FOLDER, _LOCK = "backup.tmp", "backup.lock"
#: What stays free for the program.
_SPARE_BYTES = 64 << 20


@contextmanager
def open_workspace(home: Path) -> Iterator[Path]:
    """Yield an empty folder for copies, which one process at a time has. Raises ConfigError."""
    folder = home / _FOLDER
    with (home / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another backup or restore is under way in {home}") from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def copy_database(url: str, path: Path, on_progress: OnProgress) -> None:
    """Write to `path` what the database at `url` holds at one moment, as it is stored.

    Others go on writing. Raises ConfigError, StoreError.
    """
    source = find_path(url)
    if source is not None:
        _copy_sqlite(url, source, path)
        return
    with open_snapshot(url) as reading, open_target(f"sqlite:///{path}") as writing:
        Copy(reading, writing, on_progress).run()


def refuse_full(folder: Path, size_bytes: int) -> None:
    """Raise StorageFull unless there is room for so much."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes + _SPARE_BYTES:
        raise StorageFull(str(folder), free)


def _copy_sqlite(url: str, source: Path, path: Path) -> None:
    """Copy an SQLite file in one read transaction, which in WAL mode nobody who writes waits for.

    The steps of the online backup API would begin anew with each commit of another process.
    """
    refuse_full(path.parent, source.stat().st_size)
    path.touch(0o600)
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as reading:
            reading.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            reading.execute("VACUUM INTO ?", (str(path),))
    except sqlite3.Error as error:
        raise read_error(error, url) from None
