"""Column types that encrypt what people wrote or said, and hash their ids; the key file."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Column, Connection, DateTime, Dialect, LargeBinary, MetaData, String
from sqlalchemy.types import TypeDecorator

from core.errors import ConfigError
from core.store.database.cipher import Cipher, KeySource, make_key
from core.store.database.dialects import SQLITE

#: What every compressed value begins with, before it is encrypted. No JSON does.
_ZLIB = b"x"
#: Shorter values gain little; longer ones hold sound, and would keep the only writer busy.
_COMPRESSED_BYTES = range(200, 1 << 18)
#: The file with the key, in HEARSAY_HOME.
KEY_FILE = "secret.key"


class Encrypted(TypeDecorator[Any]):
    """A value of the given type as encrypted JSON; bytes are encrypted as they are.

    The JSON is compressed where that makes it shorter, and leaves out what equals its default.

    The cipher is an attribute of the engine's dialect: each database has its own, none is global.
    A value is bound to its column: copied into another one, it cannot be decrypted.
    """

    impl = LargeBinary
    #: Statements are compiled once per `kind`; the cipher is not part of them.
    cache_ok = True

    def __init__(self, kind: Any, column_name: bytes = b"") -> None:
        super().__init__()
        self.kind = kind
        #: "table.column", set by `bind_column_names`. It must not change when either is renamed.
        self.column_name = column_name
        adapter = TypeAdapter[Any](kind)
        dump_json = partial(adapter.dump_json, exclude_defaults=True)
        self._dump: Callable[[Any], bytes] = bytes if kind is bytes else dump_json
        #: Returns the value of opened bytes.
        self.read: Callable[[bytes], Any] = bytes if kind is bytes else adapter.validate_json

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """Encrypt a value to be stored."""
        if value is None:
            return None
        cipher: Cipher = dialect.hearsay_cipher  # type: ignore[attr-defined]
        plain = self._dump(value)
        if self.kind is not bytes and len(plain) in _COMPRESSED_BYTES:
            plain = min(plain, zlib.compress(plain), key=len)
        return cipher.encrypt(plain, self.column_name)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        """Decrypt a stored value. Raises ConfigError if the key does not fit."""
        if value is None:
            return None
        cipher: Cipher = dialect.hearsay_cipher  # type: ignore[attr-defined]
        return self.read(self.open(value, cipher))

    def open(self, value: bytes, cipher: Cipher) -> bytes:
        """Return the plain JSON, or bytes, of a stored value. Raises ConfigError."""
        plain = cipher.decrypt(value, self.column_name)
        is_compressed = self.kind is not bytes and plain.startswith(_ZLIB)
        return zlib.decompress(plain) if is_compressed else plain


class KeyedId(TypeDecorator[str]):
    """An id or a key that is only ever compared: stored as its digest, and read as one.

    A digest is stored as it is, so one that was read can be compared again. Two columns whose ids
    are compared with each other have the same kind.
    """

    impl = String
    cache_ok = True

    def __init__(self, kind: bytes) -> None:
        super().__init__(64)
        self.kind = kind

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the digest that is stored; nothing leads back from it to the id."""
        cipher: Cipher = dialect.hearsay_cipher  # type: ignore[attr-defined]
        return None if value is None else cipher.digest(self.kind, value)


def digest(connection: Connection, column: Column[Any], value: str) -> str:
    """Return what stands for `value` in a column of ids."""
    kind: KeyedId = column.type  # type: ignore[assignment]
    return kind.process_bind_param(value, connection.dialect) or ""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC; SQLite has no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment as the database stores it."""
        moment = value and value.astimezone(UTC)
        return moment.replace(tzinfo=None) if moment and dialect.name == SQLITE else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its time zone."""
        if value is None or value.tzinfo is UTC:
            return value
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def bind_column_names(metadata: MetaData) -> None:
    """Set the name of each encrypted column."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, Encrypted):
                own = f"{table.name}.{column.name}".encode()
                column.type.column_name = column.type.column_name or own


def set_cipher(dialect: Dialect, cipher: Cipher) -> None:
    """Set the cipher of the engine that uses `dialect`."""
    dialect.hearsay_cipher = cipher  # type: ignore[attr-defined]


def make_cipher(secret_key: str | None, home: Path) -> Cipher:
    """Return the cipher of keys, or of those in the file under `home`. Raises ConfigError."""
    return build_cipher(name_source(secret_key, home))


def name_source(secret_key: str | None, home: Path) -> KeySource:
    """Return where the keys are: in the setting, or in a file under `home`."""
    if secret_key:
        return KeySource("HEARSAY_SECRET_KEY", text=secret_key)
    return KeySource(str(home / KEY_FILE), home / KEY_FILE)


def build_cipher(source: KeySource) -> Cipher:
    """Return the cipher of the keys in `source`; a missing file is made, with a new key.

    Raises ConfigError if a key is malformed.
    """
    if source.path and not source.path.exists():
        _make_key_file(source.path)
    try:
        return Cipher(source.read(), source)
    except OSError as error:
        raise ConfigError(f"{source.name} cannot be read: {error.strerror}") from None
    except ValueError:
        name = source.name
        raise ConfigError(f"{name} is not a Fernet key (32 bytes, URL-safe base64)") from None


def _make_key_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written to another file and linked: two concurrent first starts agree on one key.
    fresh = write_key_file(path, [make_key()])
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    sync(path.parent)


def write_key_file(path: Path, keys: list[str]) -> Path:
    """Write keys to a new file beside `path`, readable by its owner only, and return that file."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(",".join(keys).encode())
        file.flush()
        os.fsync(file.fileno())
    return fresh


def sync(*paths: Path) -> None:
    """Wait until files, and the names of files in folders, are on the disk.

    What refers to them, or is encrypted with a new key, may be in a database elsewhere, and outlive
    a failure here.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
