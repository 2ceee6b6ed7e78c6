"""Backups as tests make and restore them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.store.backups.making import Backup, Subject, make_backup
from core.store.backups.restoring import Restored, Restoring, restore
from core.store.backups.snapshot import open_workspace
from core.store.backups.unpacking import open_backup
from core.store.database.cipher import KeySource
from core.store.database.encryption import name_source
from tests.support.virtual_time import BEGAN_AT


async def back_up(url: str, home: Path, folder: Path, keep: int | None = None) -> Backup:
    """Back up a database whose key is in `home`."""
    subject = Subject(url, name_source(None, home), home, BEGAN_AT)
    return await asyncio.to_thread(make_backup, subject, folder, keep)


async def bring_back(path: Path, url: str, home: Path, *, skips: bool = False) -> Restored:
    """Restore a backup with the key in `home`."""
    to = Restoring(url, name_source(None, home), None, BEGAN_AT if skips else None)
    return await restore_with(path, to, home)


async def restore_with(path: Path, to: Restoring, home: Path) -> Restored:
    """Restore a backup, in a thread."""

    def run() -> Restored:
        with open_backup(path, to.keys) as file, open_workspace(home) as workspace:
            return restore(file, to, workspace)

    return await asyncio.to_thread(run)


def read_as(key: str) -> KeySource:
    """Return a source of one key, as in the environment."""
    return KeySource("HEARSAY_SECRET_KEY", text=key)
