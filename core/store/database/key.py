"""The key of a database: looked for before anything is written, and never replaced in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, inspect, make_url, select, text, type_coerce
from sqlalchemy.exc import DBAPIError

from core.errors import ConfigError
from core.store.database.encryption import KEY_FILE, Cipher, Encrypted, make_cipher
from core.store.database.errors import read_error
from core.store.database.migrate import is_file, open_plain
from core.store.database.tables import metadata


class KeyFit(StrEnum):
    """What the key can decrypt."""

    #: Nothing is encrypted yet.
    EMPTY = "empty"
    ALL = "all"
    #: The rest was encrypted with another key.
    PART = "part"


async def open_cipher(url: str, secret_key: str | None, home: Path) -> Cipher:
    """Return the cipher of the database at `url`, which need not exist yet.

    secret_key: as `make_cipher` takes it. A key file is made only where nothing is encrypted yet.
    Raises ConfigError if the key is missing or another database's, StoreError.
    """
    await examine_key(url, secret_key, home, is_complete=False)
    return make_cipher(secret_key, home)


async def examine_key(
    url: str, secret_key: str | None, home: Path, *, is_complete: bool = True
) -> KeyFit:
    """Return what the key can decrypt; nothing is written.

    is_complete: False to stop at the first value that it decrypts. Raises as `open_cipher`.
    """
    return await asyncio.to_thread(_examine, url, secret_key, home, is_complete)


def _examine(url: str, secret_key: str | None, home: Path, is_complete: bool) -> KeyFit:
    fits: list[bool] = []
    for place, value in _read_samples(url):
        # Only now: another process may just have made the key, and then the first value.
        if not (secret_key or (home / KEY_FILE).exists()):
            raise ConfigError(_describe_missing(url, home / KEY_FILE))
        fits.append(_is_decrypted(make_cipher(secret_key, home), place, value))
        if fits[-1] and not is_complete:
            break
    if fits and not any(fits):
        name = "HEARSAY_SECRET_KEY" if secret_key else str(home / KEY_FILE)
        raise ConfigError(_describe_wrong(url, name))
    return KeyFit.EMPTY if not fits else KeyFit.ALL if all(fits) else KeyFit.PART


def _describe_missing(url: str, path: Path) -> str:
    database = make_url(url).database
    return (
        f"{path} is missing: without this key nobody can read {database}. Restore it from your"
        " backup, or set HEARSAY_SECRET_KEY if you kept the key there."
        f" {_describe_afresh(database)}"
    )


def _describe_wrong(url: str, name: str) -> str:
    database = make_url(url).database
    return (
        f"{name} is not the key of {database}. Restore the key that belongs to it; to rotate keys,"
        " set HEARSAY_SECRET_KEY=NEW,OLD."
        f" {_describe_afresh(database)}"
    )


def _describe_afresh(database: str | None) -> str:
    return f"To start again without the old data, move {database}* to another folder."


def _is_decrypted(cipher: Cipher, place: bytes, value: bytes) -> bool:
    try:
        cipher.decrypt(value, place)
    except ConfigError:
        return False
    return True


def _read_samples(url: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the newest and the oldest value of each encrypted column, with the column's name.

    Raises StoreError.
    """
    engine = open_plain(url, is_read_only=True)
    try:
        if not is_file(url):
            return
        with engine.connect() as connection:
            for name, column in _find_columns(connection):
                raw = select(type_coerce(column, LargeBinary)).where(column.is_not(None)).limit(1)
                for order in ("rowid DESC", "rowid"):
                    value = connection.execute(raw.order_by(text(order))).scalar()
                    if value is not None:
                        yield name, value
    except DBAPIError as error:
        raise read_error(error, url) from None
    finally:
        engine.dispose()


def _find_columns(connection: Connection) -> Iterator[tuple[bytes, Column[Any]]]:
    """Yield the encrypted columns that the database has: an older one lacks some."""
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    for table in (one for one in metadata.sorted_tables if one.name in present):
        names = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if isinstance(column.type, Encrypted) and column.name in names:
                yield column.type.column_name, column
