"""Encryption at rest: the encrypted column type and its keys.

Telegram's terms for bots (4.4a) ask that user data be encrypted and the key kept apart from it.
AES-256-GCM, because one search reads a month of a chat: it decrypts a value in a tenth of the
time that Fernet takes. Values that Fernet encrypted can still be read.
"""

from __future__ import annotations

import os
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import TypeAdapter
from sqlalchemy import DateTime, Dialect, LargeBinary, MetaData
from sqlalchemy.types import TypeDecorator

from core.errors import ConfigError

#: The first byte of an AES-GCM value; the nonce, the ciphertext and its tag follow.
_VERSION = b"\x01"
#: What every Fernet value begins with: its version byte and a timestamp, in base64.
_FERNET_PREFIX = b"gAAAA"
#: What every compressed value begins with, before it is encrypted. No JSON does.
_ZLIB = b"x"
#: Shorter values gain little; longer ones hold sound, and would keep the only writer busy.
_COMPRESSED_BYTES = range(200, 1 << 18)
#: The file with the key, in HEARSAY_HOME.
KEY_FILE = "secret.key"
_NONCE_BYTES, _TAG_BYTES = 12, 16
_HEAD_BYTES = len(_VERSION) + _NONCE_BYTES


class Cipher:
    """Encrypts with the first of its keys and decrypts with any of them (rotation).

    Each value gets a random nonce: safe for 2**32 values per key (NIST SP 800-38D, 8.3).
    """

    #: How much longer than its plain value an AES-GCM value is.
    OVERHEAD_BYTES = _HEAD_BYTES + _TAG_BYTES

    def __init__(self, keys: Sequence[str], source: str = "the key") -> None:
        """keys: Fernet keys, from which the AES-GCM keys are derived. Raises ValueError.

        source: where they are from, for errors.
        """
        self._source = source
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._ciphers = [AESGCM(_derive(key)) for key in keys]

    def encrypt(self, plain: bytes, column: bytes = b"") -> bytes:
        """Return `plain` encrypted. It can be decrypted for the same column only."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._ciphers[0].encrypt(nonce, plain, column)

    def decrypt(self, encrypted: bytes, column: bytes = b"") -> bytes:
        """Return the decrypted value. Raises ConfigError if no key fits."""
        if encrypted.startswith(_VERSION):
            for cipher in self._ciphers:
                try:
                    return cipher.decrypt(encrypted[1:_HEAD_BYTES], encrypted[_HEAD_BYTES:], column)
                except (InvalidTag, ValueError):
                    continue
        elif encrypted.startswith(_FERNET_PREFIX):
            with suppress(InvalidToken):
                return self._fernet.decrypt(encrypted)
        raise ConfigError(f"{self._source} does not decrypt this database")


def _derive(key: str) -> bytes:
    expansion = HKDF(SHA256(), length=32, salt=None, info=b"hearsay: content at rest, AES-256-GCM")
    return expansion.derive(urlsafe_b64decode(key))


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


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. SQLite has no time zones, so it is stored as naive UTC there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment as the database stores it."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment with its time zone."""
        return value and value.replace(tzinfo=UTC)


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
    """Return the cipher of HEARSAY_SECRET_KEY, or of a 0600 file under `home`, created if missing.

    secret_key: comma-separated Fernet keys: the first encrypts, all decrypt (rotation).
    Raises ConfigError if a key is malformed.
    """
    keys = (secret_key or _key_file(home)).split(",")
    source = "HEARSAY_SECRET_KEY" if secret_key else str(home / KEY_FILE)
    try:
        return Cipher([key.strip() for key in keys], source)
    except ValueError:
        raise ConfigError(f"{source} is not a Fernet key (32 bytes, URL-safe base64)") from None


def _key_file(home: Path) -> str:
    path = home / KEY_FILE
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        # Written to another file and linked: two concurrent first starts agree on one key.
        fresh = home / f"{KEY_FILE}.{os.getpid()}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="ascii").strip()
