"""Content at rest: the encrypted column type and the key behind it.

Telegram's terms for bots (4.4a) ask that user data be encrypted and the key kept apart from it.
AES-256-GCM, since a chat's month of talk is read whole for one search: it opens a value in a
tenth of the time that Fernet takes. What Fernet sealed is still read.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
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

#: The first byte of what AES-GCM sealed: after it the nonce, then the ciphertext and its tag.
_VERSION = b"\x01"
#: How everything that Fernet sealed begins: its own version byte and a clock, in base64.
_FERNET = b"gAAAA"
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _NONCE_BYTES


class Cipher:
    """Seals values with the first of its keys and opens them with any (rotation).

    The nonce is drawn anew for each value: good for 2**32 values a key (NIST SP 800-38D, 8.3).
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """keys: Fernet keys, of which the keys of AES-GCM are derived. Raises ValueError."""
        self._old = MultiFernet([Fernet(key) for key in keys])
        self._boxes = [AESGCM(_derive(key)) for key in keys]

    def encrypt(self, plain: bytes, place: bytes = b"") -> bytes:
        """Return `plain` sealed, to be opened at the same place only."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._boxes[0].encrypt(nonce, plain, place)

    def decrypt(self, sealed: bytes, place: bytes = b"") -> bytes:
        """Return what was sealed. Raises ConfigError if no key opens it."""
        if sealed.startswith(_VERSION):
            for box in self._boxes:
                try:
                    return box.decrypt(sealed[1:_HEAD_BYTES], sealed[_HEAD_BYTES:], place)
                except (InvalidTag, ValueError):
                    continue
        elif sealed.startswith(_FERNET):
            with suppress(InvalidToken):
                return self._old.decrypt(sealed)
        raise ConfigError("HEARSAY_SECRET_KEY does not open this database")


def _derive(key: str) -> bytes:
    expansion = HKDF(SHA256(), length=32, salt=None, info=b"hearsay: content at rest, AES-256-GCM")
    return expansion.derive(urlsafe_b64decode(key))


class Sealed(TypeDecorator[Any]):
    """A value of the given type, kept as JSON (bytes as they are), encrypted.

    The cipher hangs on the engine's dialect, so that each database has its own and none is global.
    A value is bound to its column: put into another, it does not open.
    """

    impl = LargeBinary
    #: Statements are compiled once for each `kind`; the cipher is no part of them.
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        #: "table.column", given once the tables are complete. It must stay when one is renamed.
        self.place = b""
        self._adapter: TypeAdapter[Any] | None = None if kind is bytes else TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """Encrypt on the way in."""
        if value is None:
            return None
        plain = value if self._adapter is None else self._adapter.dump_json(value)
        return _cipher(dialect).encrypt(plain, self.place)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        """Decrypt on the way out; a key that does not fit is the operator's to mend."""
        return None if value is None else self.read(_cipher(dialect).decrypt(value, self.place))

    def read(self, plain: bytes) -> Any:
        """Return the value of decrypted bytes."""
        return plain if self._adapter is None else self._adapter.validate_json(plain)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment. SQLite forgets time zones, so it is kept as naive UTC there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into what the database keeps."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment its zone back."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


def bind_places(metadata: MetaData) -> None:
    """Tell each sealed column its place."""
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, Sealed):
                column.type.place = f"{table.name}.{column.name}".encode()


def set_cipher(dialect: Dialect, cipher: Cipher) -> None:
    """Give the engine behind `dialect` its key."""
    dialect.hearsay_cipher = cipher  # type: ignore[attr-defined]


def _cipher(dialect: Dialect) -> Cipher:
    cipher: Cipher = dialect.hearsay_cipher  # type: ignore[attr-defined]
    return cipher


def make_cipher(secret_key: str | None, home: Path) -> Cipher:
    """Return the cipher of HEARSAY_SECRET_KEY, or of a 0600 file under `home`, made when absent.

    secret_key: Fernet keys, comma-separated: the first encrypts, all decrypt (rotation).
    Raises ConfigError if a key is malformed.
    """
    keys = (secret_key or _key_file(home)).split(",")
    try:
        return Cipher([key.strip() for key in keys])
    except ValueError:
        raise ConfigError(
            "HEARSAY_SECRET_KEY is not a Fernet key (32 bytes, URL-safe base64)"
        ) from None


def _key_file(home: Path) -> str:
    path = home / "secret.key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        # Written aside and linked: two first starts at once agree on one key.
        fresh = home / f"secret.key.{os.getpid()}"
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
