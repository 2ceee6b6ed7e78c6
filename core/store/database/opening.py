"""Opening a database: which connections its kind has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import make_url

from core.store.database.cipher import Cipher
from core.store.database.connections import Readers, Writer
from core.store.database.dialects import POSTGRESQL, SQLITE, find_backend

if TYPE_CHECKING:
    from core.store.database.postgresql import PostgresReaders, PostgresWriter


def connect(url: str, cipher: Cipher) -> tuple[Writer | PostgresWriter, Readers | PostgresReaders]:
    """Return what writes to the database at `url`, and what reads it."""
    if find_backend(url) == SQLITE:
        return Writer(url, cipher), Readers(url, cipher)
    # Loaded only where it is used.
    from core.store.database.postgresql import PostgresReaders, PostgresWriter

    return PostgresWriter(url, cipher), PostgresReaders(url, cipher)


def read_conninfo(url: str) -> str:
    """Return the address of a database as libpq takes it. It may hold a password.

    Connections to PostgreSQL that it opens notice a peer that is gone, as all others do.
    """
    address = make_url(url).set(drivername=POSTGRESQL).render_as_string(hide_password=False)
    if find_backend(url) == SQLITE:
        return address
    # Loaded only where it is used.
    from psycopg.conninfo import make_conninfo

    from core.store.database.postgresql import CONNECT

    return make_conninfo(address, **CONNECT)
