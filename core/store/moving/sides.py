"""The two databases of a move: what is refused, and a transaction that has each for itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, inspect, literal, make_url, select, table, text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.errors import ConfigError, StoreError
from core.store.database.check import find_path, name_schema
from core.store.database.dialects import SQLITE, find_backend
from core.store.database.errors import read_error
from core.store.database.migrate import (
    VERSION_TABLE,
    is_there,
    lock_postgresql,
    migrate,
    name_database,
    open_plain,
    read_revision,
)
from core.store.database.tables import metadata
from core.store.moving.rows import name_errors

#: Who still uses a database that was stopped just now is looked for again after these pauses.
_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
_LOCK_TIMEOUT_MS = 5_000
#: A copy of gigabytes takes as long as it takes. Moments are read in UTC.
_PATIENT = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}",
    "SET LOCAL TimeZone = 'UTC'",
)
#: Processes of the program: their connections, workers (silent for 8 s at most) and leases.
_USERS = text(
    "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'hearsay' AND pid <> pg_backend_pid())"
    " + (SELECT count(*) FROM procrastinate_workers"
    " WHERE last_heartbeat > clock_timestamp() - interval '8 seconds')"
    " + (SELECT count(*) FROM leases WHERE until_at > clock_timestamp())"
)


def check_urls(source: str, target: str) -> None:
    """Raise ConfigError unless these are two databases of a known kind. Neither is opened."""
    for name, url in (("SOURCE", source), ("TARGET", target)):
        try:
            is_sqlite = find_backend(url) == SQLITE
        except ConfigError:
            raise ConfigError(
                f"{name} must be a database URL: sqlite:////folder/hearsay.db or "
                "postgresql+psycopg://user@host/name"
            ) from None
        if is_sqlite and str(find_path(url) or ":memory:") == ":memory:":
            raise ConfigError(f"{name} names no file: sqlite:////folder/hearsay.db")
    if _locate(source) == _locate(target):
        raise ConfigError("SOURCE and TARGET are the same database: name another one as TARGET")


@contextmanager
def open_source(url: str) -> Iterator[Connection]:
    """Yield a connection to a database that nobody else writes to meanwhile.

    Raises ConfigError if it is in use, or not of this version, StoreError.
    """
    name = name_database(url)
    if not is_there(url):
        raise ConfigError(f"there is no database {name} to be moved: check SOURCE")
    with _connect(url) as connection:
        is_sqlite = connection.dialect.name == SQLITE
        if is_sqlite:
            _begin_sqlite(connection, name)
            connection.exec_driver_sql("PRAGMA query_only=ON")
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
            _be_patient(connection)
        _refuse_other_version(connection, name)
        if is_sqlite:
            _refuse_damaged(connection, name)
        else:
            _keep_others_out(connection, name)
        yield connection


@contextmanager
def open_snapshot(url: str) -> Iterator[Connection]:
    """Yield a connection to a PostgreSQL database as it is now, whoever writes meanwhile.

    Raises ConfigError if it is not of this version, StoreError.
    """
    with _connect(url) as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        _be_patient(connection)
        # The first query, which decides what this transaction sees.
        _refuse_other_version(connection, name_database(url))
        yield connection


@contextmanager
def open_target(url: str) -> Iterator[Connection]:
    """Yield a connection to an empty database of this version; it commits unless something raises.

    One that is missing is created. Raises ConfigError if it has any row, StoreError.
    """
    path = find_path(url)
    if path:
        _make_folder(path.parent)
    if is_there(url):
        with _connect(url) as connection:
            _refuse_filled(connection, url)
    asyncio.run(migrate(url))
    with _connect(url) as connection:
        if connection.dialect.name == SQLITE:
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            _begin_sqlite(connection, name_database(url))
        else:
            _be_patient(connection)
            lock_postgresql(connection)
        # Again: perhaps somebody has filled it meanwhile.
        _refuse_filled(connection, url)
        yield connection
        connection.commit()
        if connection.dialect.name == SQLITE:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def find_filled(url: str) -> str:
    """Return the name of a table with rows in the database at `url`, empty if there is none.

    Raises StoreError.
    """
    with _connect(url) as connection:
        return _find_filled(connection)


@contextmanager
def _connect(url: str) -> Iterator[Connection]:
    engine = open_plain(url)
    try:
        with engine.connect() as connection, name_errors(connection):
            if connection.dialect.name == SQLITE:
                driver = connection.connection.driver_connection
                driver.isolation_level = None  # type: ignore[union-attr]
            yield connection
    except OperationalError as error:  # it cannot be opened
        raise StoreError(f"{name_database(url)}: {read_error(error, url)}") from None
    finally:
        engine.dispose()


def _locate(url: str) -> tuple[object, ...]:
    """Return the same for two URLs of one database."""
    if path := find_path(url):
        return (path.resolve(),)
    parsed = make_url(url)
    return parsed.host or "localhost", parsed.port or 5432, parsed.database


def _begin_sqlite(connection: Connection, name: str) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_LOCK_TIMEOUT_MS}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except DBAPIError as error:
        if "locked" not in str(error.orig):
            raise
        raise _in_use(name) from None


def _be_patient(connection: Connection) -> None:
    for statement in _PATIENT:
        connection.exec_driver_sql(statement)


def _refuse_other_version(connection: Connection, name: str) -> None:
    found = name_schema(read_revision(connection))
    if found == "newer":
        raise ConfigError(f"{name} is newer than the program: update the program first")
    if found != "current":
        raise ConfigError(
            f"{name} is not of this version: run hearsay migrate with DATABASE_URL set to it first"
        )


def _refuse_damaged(connection: Connection, name: str) -> None:
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    if found != "ok":
        raise StoreError(f"{name} is damaged: {found}. Move a backup of it instead")


def _keep_others_out(connection: Connection, name: str) -> None:
    """Let nobody write, and no process start. Raises ConfigError if there is one already."""
    connection.rollback()
    _be_patient(connection)
    tables = ", ".join(metadata.tables)
    try:
        # Before the first query, which decides what this transaction sees.
        connection.exec_driver_sql(f"LOCK TABLE {tables} IN SHARE MODE")
        lock_postgresql(connection)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != "55P03":  # lock_not_available
            raise
        raise _in_use(name) from None
    for pause_s in _PAUSES_S:
        if not _count_users(connection):
            return
        time.sleep(pause_s)  # no clock is given to a command that waits for another process
    if _count_users(connection):
        raise _in_use(name)


def _count_users(connection: Connection) -> int:
    connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
    return int(connection.execute(_USERS).scalar_one())


def _in_use(name: str) -> ConfigError:
    return ConfigError(
        f"a hearsay is running on {name}: stop it first. One that was killed counts for half a "
        "minute more"
    )


def _refuse_filled(connection: Connection, url: str) -> None:
    if name := _find_filled(connection):
        raise ConfigError(
            f"{name_database(url)} is not empty, its table {name} has rows: name a new "
            "database as TARGET"
        )


def _find_filled(connection: Connection) -> str:
    """Return the name of a table with rows, empty if there is none."""
    for name in inspect(connection).get_table_names():
        is_filled = select(literal(1)).select_from(table(name)).limit(1)
        if name != VERSION_TABLE and connection.execute(is_filled).first():
            return name
    return ""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be created: {error.strerror}") from None
