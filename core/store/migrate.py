"""Bringing a database to the form that this code expects."""

from __future__ import annotations

import asyncio
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine, make_url

from core.errors import ConfigError


async def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database at `url`, under its write lock, all or nothing.

    Raises ConfigError if the database is newer than this code or cannot be opened.
    """
    await asyncio.to_thread(_migrate, url, revision)


def _migrate(url: str, revision: str) -> None:
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    engine = create_engine(parsed.set(drivername="sqlite") if is_sqlite else parsed)
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    try:
        with engine.connect() as connection:
            if is_sqlite:
                connection.connection.driver_connection.isolation_level = None  # type: ignore[union-attr]
                connection.exec_driver_sql("PRAGMA busy_timeout=30000")
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.exec_driver_sql("COMMIT") if is_sqlite else connection.commit()
    except CommandError as error:
        raise ConfigError(f"this database is newer than the program: {error}") from None
    finally:
        engine.dispose()
