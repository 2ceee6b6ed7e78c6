"""Checks of a database for `hearsay doctor`. They change nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from core.models import Chat
from core.store.database.cipher import Cipher
from core.store.database.encryption import set_cipher
from core.store.database.errors import read_error
from core.store.database.migrate import is_there, list_revisions, open_plain, read_revision
from core.store.database.operator_tables import PAUSED, switches
from core.store.database.tables import chats, jobs

_PAUSED = select(switches.c.name).where(switches.c.name == PAUSED)
#: How many of the newest jobs tell which chats are used.
_RECENT_JOBS = 500


@dataclass(frozen=True, slots=True)
class DatabaseCondition:
    """The condition of a database."""

    #: False if there is no database yet.
    is_there: bool
    #: What SQLite's integrity check found, empty if nothing.
    damage: str = ""
    #: Its schema version: "old" needs a migration, "newer" a newer program, or "current".
    schema: str = ""
    #: The file of an SQLite database, whether it is there or not.
    path: Path | None = field(default=None, compare=False)
    #: All work is paused.
    is_paused: bool = False


def find_path(url: str) -> Path | None:
    """Return the file of an SQLite database, whether it is there or not; None for others."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return None
    is_sqlite = parsed.get_backend_name() == "sqlite"
    return Path(parsed.database) if is_sqlite and parsed.database else None


async def examine(url: str) -> DatabaseCondition:
    """Check the database at `url`. Raises StoreError if it cannot be read, ConfigError."""
    return await asyncio.to_thread(_examine, url)


def _examine(url: str) -> DatabaseCondition:
    engine = open_plain(url, is_read_only=True)
    is_sqlite = engine.dialect.name == "sqlite"
    path = find_path(url)
    try:
        if is_sqlite and not is_there(url):
            return DatabaseCondition(is_there=False, path=path)
        with engine.connect() as connection:
            damage = ""
            if is_sqlite:
                damage = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
            revision = read_revision(connection)
            has_switches = inspect(connection).has_table(switches.name)
            is_paused = has_switches and bool(connection.execute(_PAUSED).scalar())
    except DBAPIError as error:
        raise read_error(error, url) from None
    finally:
        engine.dispose()
    return DatabaseCondition(
        bool(revision), "" if damage == "ok" else damage, name_schema(revision), path, is_paused
    )


def name_schema(revision: str) -> str:
    """Return what a schema version is, as `DatabaseCondition.schema` has it."""
    known = list_revisions()
    if revision and revision not in known:
        return "newer"
    return "current" if revision == known[-1] else "old"


async def list_recent_chats(url: str, cipher: Cipher, platform: str) -> list[Chat]:
    """Return the chats of a platform with the newest jobs, the newest first, without gone ones.

    The database must have this program's schema. Raises StoreError, ConfigError.
    """
    return await asyncio.to_thread(_list_recent_chats, url, cipher, platform)


def _list_recent_chats(url: str, cipher: Cipher, platform: str) -> list[Chat]:
    engine = open_plain(url, is_read_only=True)
    set_cipher(engine.dialect, cipher)
    newest = select(jobs.c.chat_pk).order_by(jobs.c.seq.desc()).limit(_RECENT_JOBS)
    query = select(chats.c.chat_pk, chats.c.bot_id, chats.c.address)
    try:
        with engine.connect() as connection:
            keys = list(dict.fromkeys(connection.execute(newest).scalars()))
            is_used = chats.c.chat_pk.in_(keys) & chats.c.gone_at.is_(None)
            rows = connection.execute(query.where(is_used, chats.c.platform == platform)).all()
    except DBAPIError as error:
        raise read_error(error, url) from None
    finally:
        engine.dispose()
    found = {row.chat_pk: Chat(platform, row.bot_id, row.address) for row in rows}
    return [found[key] for key in keys if key in found]
