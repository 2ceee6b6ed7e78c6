"""Content at rest: the encrypted column type and the key behind it.

Telegram's terms for bots (4.4a) ask that user data be encrypted and the key kept apart from it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import TypeAdapter
from sqlalchemy import DateTime, Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from core.errors import ConfigError


class Sealed(TypeDecorator[Any]):
    """A value of the given type, kept as JSON (bytes as they are), encrypted.

    The cipher hangs on the engine's dialect, so that each database has its own and none is global.
    """

    impl = LargeBinary
    #: Statements are compiled once for each `kind`; the cipher is no part of them.
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind
        self._adapter: TypeAdapter[Any] | None = None if kind is bytes else TypeAdapter(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        """Encrypt on the way in."""
        if value is None:
            return None
        plain = value if self._adapter is None else self._adapter.dump_json(value)
        return _cipher(dialect).encrypt(plain)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        """Decrypt on the way out; a key that does not fit is the operator's to mend."""
        if value is None:
            return None
        try:
            plain = _cipher(dialect).decrypt(value)
        except InvalidToken:
            raise ConfigError("HEARSAY_SECRET_KEY does not open this database") from None
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


def set_cipher(dialect: Dialect, cipher: MultiFernet) -> None:
    """Give the engine behind `dialect` its key."""
    dialect.hearsay_cipher = cipher  # type: ignore[attr-defined]


def _cipher(dialect: Dialect) -> MultiFernet:
    cipher: MultiFernet = dialect.hearsay_cipher  # type: ignore[attr-defined]
    return cipher


def make_cipher(secret_key: str | None, home: Path) -> MultiFernet:
    """Return the cipher of HEARSAY_SECRET_KEY, or of a 0600 file under `home`, made when absent.

    secret_key: Fernet keys, comma-separated: the first encrypts, all decrypt (rotation).
    Raises ConfigError if a key is malformed.
    """
    keys = (secret_key or _key_file(home)).split(",")
    try:
        return MultiFernet([Fernet(key.strip()) for key in keys])
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
