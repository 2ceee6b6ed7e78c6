"""Backups in a folder: their names, how one gets there whole, and which are deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from core.errors import AssistantError, ConfigError
from core.store.backups.sealed_file import read_header
from core.store.database.encryption import sync

_NAME = re.compile(r"hearsay-(\d{4}-\d\d-\d\dT\d{4}Z)(?:-(\d+))?\.backup")


def choose_path(folder: Path, created_at: datetime) -> Path:
    """Return the path of a new backup: its name is the minute, with a number if it is taken."""
    stem = f"hearsay-{created_at:%Y-%m-%dT%H%MZ}"
    path, number = folder / f"{stem}.backup", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}.backup", number + 1
    return path


@contextmanager
def write_whole(path: Path, name: bytes) -> Iterator[BinaryIO]:
    """Yield a file that gets its name once it is on the disk, unless something raises.

    Until then it is a hidden one, which a later backup of the same database writes over.
    name: of the database. Raises ConfigError if nothing can be written there.
    """
    part = path.with_name(f".hearsay-{name.hex()}.part")
    try:
        file = open(part, "w+b", opener=_open_private)  # noqa: SIM115  # closed below
    except OSError as error:
        raise ConfigError(f"nothing can be written to {path.parent}: {error.strerror}") from None
    try:
        with file:
            with suppress(OSError):  # a file system without modes
                os.fchmod(file.fileno(), 0o600)
            yield file
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(path.parent)


def finish_writing(file: BinaryIO) -> None:
    """Wait until what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def list_backups(folder: Path, name: bytes) -> list[Path]:
    """Return the backups of the database `name` in a folder, the newest first."""
    found = [(match, path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    found.sort(key=lambda one: (one[0][1], int(one[0][2] or 1)), reverse=True)
    return [path for _, path in found if _is_of(path, name)]


def delete_old(folder: Path, name: bytes, keep: int) -> list[Path]:
    """Delete all but the `keep` newest backups of a database, and return those that were."""
    old = list_backups(folder, name)[keep:]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _is_of(path: Path, name: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return read_header(file).name == name
    except (AssistantError, OSError):
        return False
