"""Making a backup: a copy of the running database, encrypted, written and read back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from core.errors import ConfigError
from core.store.backups.folder import choose_path, delete_old, finish_writing, write_whole
from core.store.backups.keys_needed import find_needed
from core.store.backups.manifest import Manifest, describe_database, dump
from core.store.backups.sealed_file import seal
from core.store.backups.snapshot import copy_database, open_workspace, refuse_full
from core.store.backups.unpacking import find_name, unpack
from core.store.database.cipher import KeySource
from core.store.database.dialects import find_backend
from core.store.database.key import open_cipher
from core.store.database.migrate import is_there, name_database
from core.store.moving.move import OnProgress

#: More than a header and a manifest take.
_MORE_BYTES = 1 << 20
#: The name of a copy in the folder of what is under way.
_COPY = "hearsay.db"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made."""

    path: Path
    manifest: Manifest
    #: Older ones that were deleted.
    deleted: Sequence[Path] = field(default_factory=tuple)

    @property
    def size_bytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class Subject:
    """What is backed up."""

    url: str
    keys: KeySource
    #: HEARSAY_HOME, which has room for a copy.
    home: Path
    created_at: datetime


def make_backup(
    subject: Subject,
    folder: Path,
    keep: int | None = None,
    on_progress: OnProgress = lambda table, done, total: None,
) -> Backup:
    """Write a backup to a folder, and read it back, while others use the database.

    keep: how many backups of this database stay in the folder. Blocking. Interrupted at any moment,
    it leaves no file that looks like a backup. Raises ConfigError, StoreError.
    """
    keys = read_keys(subject.url, subject.keys)
    with open_workspace(subject.home) as workspace:
        copy = workspace / _COPY
        copy_database(subject.url, copy, on_progress)
        # Again: they may have been replaced meanwhile.
        keys = [*subject.keys.read(), *keys]
        manifest = _describe(subject, copy, keys)
        refuse_full(folder, manifest.size_bytes + _MORE_BYTES)
        name = find_name(copy, subject.keys)
        path = choose_path(folder, subject.created_at)
        with write_whole(path, name) as file:
            seal(file, keys[0], name, dump(manifest), _read(copy))
            finish_writing(file)
            copy.unlink()
            file.seek(0)
            unpack(file, subject.keys, copy)
    deleted = delete_old(folder, name, keep) if keep else []
    return Backup(path, manifest, deleted)


def _describe(subject: Subject, copy: Path, keys: Sequence[str]) -> Manifest:
    kind = find_backend(subject.url)
    manifest = describe_database(copy, subject.created_at, version("hearsay-bot"), kind)
    return replace(manifest, keys=find_needed(copy, keys))


def read_keys(url: str, keys: KeySource) -> Sequence[str]:
    """Return the keys of the database at `url`. Raises ConfigError, StoreError."""
    if not is_there(url):
        raise ConfigError(f"there is no database {name_database(url)} to be backed up")
    if keys.path and not keys.path.exists():
        raise ConfigError(f"{keys.name} is missing: without the key no backup can be made")
    asyncio.run(open_cipher(url, keys))
    return keys.read()


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, _MORE_BYTES), b"")
