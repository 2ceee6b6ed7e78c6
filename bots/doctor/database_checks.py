"""Checks of the database, and of where sound is stored outside of it."""

from __future__ import annotations

import sqlite3

from bots.doctor.machine_checks import try_to_write
from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import STORE, exit_code_of
from core.errors import ConfigError, StoreError
from core.store.database import check as database

#: Older ones may corrupt a database in WAL mode that has several connections.
_GOOD_SQLITE = (3, 51, 3)
_DAMAGE_CURE = "Stop the bot, keep a copy of the file, and restore a backup."
_FILE_CURE = f"Check its owner and mode. If it is damaged: {_DAMAGE_CURE}"
_SERVER_CURE = "Start PostgreSQL, or correct DATABASE_URL; the server's log may say more."


async def check_sqlite(run: CheckRun) -> Result:
    """Check that SQLite is free of a known bug."""
    if not run.settings.url.startswith("sqlite"):
        return ok("not used")
    if sqlite3.sqlite_version_info < _GOOD_SQLITE:
        text = f"{sqlite3.sqlite_version} is older than 3.51.3, which fixes a rare corruption"
        return warn(text, "Use a Python with a newer SQLite when there is one; keep backups.")
    return ok(sqlite3.sqlite_version)


async def check_database(run: CheckRun) -> Result:
    """Check that the database can be opened, is intact, and has this program's schema."""
    try:
        found = await database.examine(run.settings.url)
    except StoreError as error:
        cure = _SERVER_CURE if run.settings.is_shared else _FILE_CURE
        return fail(f"the database cannot be read: {error}", cure, STORE)
    if found.damage:
        return fail(f"the database is damaged: {found.damage}", _DAMAGE_CURE, STORE)
    folder = found.path and found.path.parent
    # Only HEARSAY_HOME is made at the start.
    if folder and folder != run.settings.hearsay_home and (refused := try_to_write(folder)):
        cure = "Make it, let this user write there, or correct DATABASE_URL."
        return fail(f"the folder {folder} cannot be used: {refused}", cure, STORE)
    if not found.is_there:
        return ok("will be created at the first start")
    if found.schema == "newer":
        text = "the database is newer than this program"
        return fail(text, "Install the version of hearsay that it was last used with.", STORE)
    if found.schema == "old":
        cure = "The next start updates it; or run: hearsay migrate"
        return warn("the database has an older schema", cure)
    if found.is_paused:
        return warn("intact; all work is paused", "When you are done, run: hearsay resume")
    return ok("intact and up to date")


async def check_storage(run: CheckRun) -> Result:
    """Check that an object can be written, read and deleted at STORAGE_URL."""
    url = run.settings.storage_url
    if url is None:
        return ok("not used: sound is in the database")
    from core.store.objects.check import try_storage  # it loads obstore

    try:
        await try_storage(url)
    except (StoreError, ConfigError) as error:
        cure = "Check STORAGE_URL, the network, and the credentials in the environment."
        return fail(str(error), cure, exit_code_of(error))
    return ok(f"written, read and deleted at {url}")
