"""Bringing a database to this version at the start, with a backup of an older one first."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from core.config import Settings
from core.errors import StorageFull
from core.store.database.cipher import Cipher, KeySource
from core.store.database.dialects import SQLITE, find_backend
from core.store.database.key import find_keys
from core.store.database.migrate import migrate

#: In HEARSAY_HOME, and how many backups stay there.
FOLDER, KEPT = "before-upgrade", 2

log = structlog.get_logger()


async def upgrade(settings: Settings, cipher: Cipher, now: datetime) -> None:
    """Create the database or migrate it. An SQLite database of an older version is backed up first.

    cipher: of the database. Raises ConfigError if it is newer than the program, StoreError.
    """
    back_up = None
    if find_backend(settings.url) == SQLITE:
        back_up = partial(_back_up, settings.url, find_keys(settings), settings.hearsay_home, now)
    await migrate(settings.url, cipher, back_up=back_up)


def _back_up(url: str, keys: KeySource, home: Path, now: datetime) -> None:
    """Back a database up. Where there is no room for that it is migrated all the same."""
    # Loaded only where it is needed.
    from core.store.backups.making import Subject, make_backup

    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        made = make_backup(Subject(url, keys, home, now), folder, KEPT)
    except StorageFull as error:
        log.warning("no room for a backup before the upgrade", detail=str(error))
    else:
        log.info("backup before the upgrade", path=str(made.path))
