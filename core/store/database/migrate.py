"""Migrations: bringing a database to the schema version that this code expects.

Most starts have nothing to migrate, so Alembic (0.2 s, 15 MB) is imported only when it is needed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import stamina
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from core.errors import ConfigError, StorageFull, StoreError
from core.store.database.dialects import POSTGRESQL, SQLITE, find_backend, set_conditions
from core.store.database.errors import read_error
from core.store.database.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

    from core.store.database.cipher import Cipher

#: The advisory lock under which PostgreSQL is migrated.
_LOCK = 0x48454152
#: Alembic's table, which holds the newest migration.
VERSION_TABLE = "alembic_version"
#: The migration after which ids of people and chats are digests. No PostgreSQL database is older.
_FIRST_KEYED = "0014"
#: Whether an earlier job of a chat is open. procrastinate's own index is by id first, so that the
#: claim of a job may read all of it.
_LOCKS = (
    "CREATE INDEX ix_procrastinate_jobs_open_lock ON procrastinate_jobs (lock) "
    "WHERE status IN ('todo', 'doing')"
)


@cache
def list_revisions() -> tuple[str, ...]:
    """Return the migrations that this code knows, oldest first: the numbers of their files."""
    names = (path.name for path in files("migrations.versions").iterdir())
    return tuple(sorted(name[:4] for name in names if name[:4].isdigit()))


def read_revision(connection: Connection) -> str:
    """Return the newest migration applied to the database, "" for none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


async def migrate(
    url: str,
    cipher: Cipher | None = None,
    revision: str = "head",
    back_up: Callable[[], None] | None = None,
) -> None:
    """Migrate the database at `url`, under a lock that one process at a time holds, all or nothing.

    cipher: needed for a database that has data.
    back_up: called under that lock, before anything changes in a database of an older version.
    Raises ConfigError if the database is newer than this code or DATABASE_URL is not a database
    URL, StoreError if it cannot be opened or written.
    """
    await asyncio.to_thread(_migrate, url, cipher, revision, back_up)


def _is_locked(error: Exception) -> bool:
    """Return whether another process holds the lock: switching to WAL does not wait for it."""
    return isinstance(error, StoreError) and "locked" in str(error)


@stamina.retry(on=_is_locked, attempts=20, timeout=30.0, wait_initial=0.05, wait_max=0.5)
def _migrate(
    url: str, cipher: Cipher | None, revision: str, back_up: Callable[[], None] | None
) -> None:
    engine, is_sqlite = open_plain(url), find_backend(url) == SQLITE
    keep_private(url)
    try:
        with engine.connect() as connection:
            if is_sqlite:
                _migrate_sqlite(connection, cipher, revision, back_up)
            else:
                lock_postgresql(connection)
                _upgrade(connection, cipher, revision)
                connection.commit()
    except DBAPIError as error:
        found = read_error(error, url)
        if isinstance(found, StorageFull):
            raise found from None
        raise StoreError(f"{found}: {engine.url.database}") from None
    finally:
        engine.dispose()


def lock_postgresql(connection: Connection) -> None:
    """Let no other process migrate, and so none start, until the transaction ends."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def _migrate_sqlite(
    connection: Connection,
    cipher: Cipher | None,
    revision: str,
    back_up: Callable[[], None] | None,
) -> None:
    connection.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]
    connection.exec_driver_sql("PRAGMA busy_timeout=30000")
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    connection.exec_driver_sql("PRAGMA secure_delete=ON")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    if back_up and read_revision(connection) in list_revisions()[:-1]:
        back_up()
    before = _upgrade(connection, cipher, revision)
    connection.exec_driver_sql("COMMIT")
    if "" < before < _FIRST_KEYED:
        # Ids in plain text still stand in free pages and in the log.
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _upgrade(connection: Connection, cipher: Cipher | None, revision: str) -> str:
    """Migrate, and return the newest migration applied before, "" for none."""
    present, known = read_revision(connection), list_revisions()
    if present and present not in known:
        detail = f"it has migration {present}, the newest one known here is {known[-1]}"
        raise ConfigError(f"this database is newer than the program: {detail}")
    if present == known[-1]:
        return present
    if revision == "head" and not inspect(connection).get_table_names():
        _make_new(connection, known[-1])
        return present
    from alembic import command

    config = make_config()
    config.attributes.update(connection=connection, cipher=cipher)
    command.upgrade(config, revision)
    return present


def _make_new(connection: Connection, revision: str) -> None:
    """Create the current tables without Alembic. Tests compare them with the migrated ones."""
    is_postgresql = connection.dialect.name == POSTGRESQL
    if is_postgresql:
        set_conditions(metadata)
    metadata.create_all(connection)
    if is_postgresql:
        from procrastinate.schema import SchemaManager

        # Of the driver itself, which takes many statements at once if they have no parameters.
        connection.connection.cursor().execute(SchemaManager.get_schema())
        connection.exec_driver_sql(_LOCKS)
    connection.exec_driver_sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    query = text("INSERT INTO alembic_version (version_num) VALUES (:revision)")
    connection.execute(query, {"revision": revision})


def make_config() -> Config:
    """Return Alembic's configuration: the folder of the migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    return config


def keep_private(url: str) -> None:
    """Let nobody but its owner read the database, which need not exist yet.

    SQLite gives the files beside it the same permissions.
    """
    name = make_url(url).database
    if find_backend(url) != SQLITE or not name or name == ":memory:":
        return
    with suppress(OSError):  # SQLite tells why it cannot be opened
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        for beside in (Path(f"{name}-wal"), Path(f"{name}-shm")):
            if beside.exists():
                beside.chmod(0o600)


def is_there(url: str) -> bool:
    """Return whether the database at `url` may exist: of SQLite, whether its file does."""
    return find_backend(url) != SQLITE or Path(make_url(url).database or "").is_file()


def name_database(url: str) -> str:
    """Return what people call the database at `url`: a file, or a name on a server."""
    parsed = make_url(url)
    place = f" on {parsed.host}" if parsed.host else ""
    return f"{parsed.database}{place}"


def open_plain(url: str, *, is_read_only: bool = False) -> Engine:
    """Return a synchronous engine.

    is_read_only: nothing is changed; an SQLite file is not created either.
    Raises ConfigError, without the address: it may hold a password.
    """
    if find_backend(url) != SQLITE:
        from core.store.database.postgresql import CONNECT

        address = make_url(url).set(drivername="postgresql+psycopg")
        engine = create_engine(address, connect_args=CONNECT, hide_parameters=True)
        return engine.execution_options(postgresql_readonly=True) if is_read_only else engine
    parsed = make_url(url).set(drivername="sqlite")
    if is_read_only and parsed.database:
        path = Path(parsed.database).absolute().as_uri()
        parsed = parsed.set(database=path, query={"mode": "ro", "uri": "true"})
    return create_engine(parsed)
