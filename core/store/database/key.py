"""The key of a database: looked for before anything is written, and never replaced in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, inspect, select, type_coerce
from sqlalchemy.exc import DBAPIError

from core.config import Settings
from core.errors import ConfigError
from core.store.database.cipher import Cipher, KeySource
from core.store.database.dialects import SQLITE, RowId, find_backend
from core.store.database.encryption import Encrypted, build_cipher, name_source
from core.store.database.errors import read_error
from core.store.database.migrate import is_there, name_database, open_plain
from core.store.database.schema import metadata, retired_keys


class KeyFit(StrEnum):
    """What the key can decrypt."""

    #: Nothing is encrypted yet.
    EMPTY = "empty"
    ALL = "all"
    #: The rest was encrypted with another key.
    PART = "part"


def find_keys(settings: Settings) -> KeySource:
    """Return where the keys are: Fernet keys, comma-separated; the first encrypts, all decrypt.

    HEARSAY_SECRET_KEY, the file named by HEARSAY_SECRET_KEY_FILE, or a file in HEARSAY_HOME.
    """
    file, secret = settings.hearsay_secret_key_file, settings.secret("hearsay_secret_key")
    if file and file.read_text(encoding="utf-8").strip() == secret:
        return KeySource("HEARSAY_SECRET_KEY_FILE", file)
    return name_source(secret, settings.hearsay_home)


async def open_cipher(url: str, source: KeySource) -> Cipher:
    """Return the cipher of the database at `url`, which need not exist yet.

    A key file is made only where nothing is encrypted yet.
    Raises ConfigError if the key is missing, retired or another database's, StoreError.
    """
    await examine_key(url, source, is_complete=False)
    return build_cipher(source)


async def examine_key(url: str, source: KeySource, *, is_complete: bool = True) -> KeyFit:
    """Return what the key can decrypt; nothing is written.

    is_complete: False to stop at the first value that it decrypts. Raises as `open_cipher`.
    """
    return await asyncio.to_thread(_examine, url, source, is_complete)


def _examine(url: str, source: KeySource, is_complete: bool) -> KeyFit:
    fits: list[bool] = []
    for place, value in _read_samples(url):
        # Only now: another process may just have made the key, and then the first value.
        if source.path and not source.path.exists():
            raise ConfigError(_describe_missing(url, source.path))
        fits.append(_is_decrypted(build_cipher(source), place, value))
        if fits[-1] and not is_complete:
            break
    if fits and not any(fits):
        raise ConfigError(_describe_wrong(url, source.name))
    if fits:
        _refuse_retired(url, build_cipher(source))
    return KeyFit.EMPTY if not fits else KeyFit.ALL if all(fits) else KeyFit.PART


def _describe_missing(url: str, path: Path) -> str:
    database = name_database(url)
    return (
        f"{path} is missing: without this key nobody can read {database}. Restore it from your"
        " backup, or set HEARSAY_SECRET_KEY if you kept the key there."
        f"{_describe_afresh(url)}"
    )


def _describe_wrong(url: str, name: str) -> str:
    database = name_database(url)
    return (
        f"{name} is not the key of {database}. Restore the key that belongs to it; to rotate keys,"
        " run: hearsay keys rotate."
        f"{_describe_afresh(url)}"
    )


def _describe_afresh(url: str) -> str:
    if find_backend(url) != SQLITE:
        return ""
    database = name_database(url)
    return f" To start again without the old data, move {database}* to another folder."


def _refuse_retired(url: str, cipher: Cipher) -> None:
    """Raise ConfigError if the key that would encrypt was replaced by another one, StoreError."""
    engine = open_plain(url, is_read_only=True)
    try:
        with engine.connect() as connection:
            if inspect(connection).has_table(retired_keys.name):
                is_it = retired_keys.c.key_id == cipher.key_id.hex()
                retired_at = connection.execute(select(retired_keys.c.retired_at).where(is_it))
                if moment := retired_at.scalar():
                    raise ConfigError(_describe_retired(cipher.source.name, moment))
    except DBAPIError as error:
        raise read_error(error, url) from None
    finally:
        engine.dispose()


def _describe_retired(name: str, moment: datetime) -> str:
    return (
        f"{name} begins with a key that was replaced on {moment:%Y-%m-%d}: remove it, and keep the"
        " one that replaced it."
    )


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
        if not is_there(url):
            return
        with engine.connect() as connection:
            for name, column in _find_columns(connection):
                raw = select(type_coerce(column, LargeBinary)).where(column.is_not(None)).limit(1)
                for order in (RowId(column.table).desc(), RowId(column.table)):
                    value = connection.execute(raw.order_by(order)).scalar()
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
