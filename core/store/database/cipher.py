"""The cipher of a database: its keys, where they are from, and the digests of ids.

Telegram's terms for bots (4.4a) ask that user data be encrypted and the key kept apart from it.
AES-256-GCM, because one search reads a month of a chat: it decrypts a value in a tenth of the
time that Fernet takes. Values that Fernet encrypted can still be read.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import ConfigError

#: The first byte of a value: the id of its key, the nonce, the ciphertext and its tag follow.
VERSION = b"\x02"
#: That of a value from before keys had ids.
OLD_VERSION = b"\x01"
KEY_ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 4, 12, 16
#: What every Fernet value begins with: its version byte and a timestamp, in base64.
_FERNET_PREFIX = b"gAAAA"
#: What every digest begins with, and no id does: a digest is not hashed again.
_MARK = "#"
#: 144 bits: no two of the ids that one bot can ever see have the same digest.
_DIGEST_BYTES = 18


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where keys are from."""

    #: For errors: the name of a setting or of a file.
    name: str
    #: The file that holds them, None if the environment does.
    path: Path | None = None
    #: The keys in the environment.
    text: str = ""

    def read(self) -> tuple[str, ...]:
        """Return the keys: the first encrypts, all decrypt. Raises OSError."""
        text = self.path.read_text(encoding="ascii") if self.path else self.text
        return tuple(part.strip() for part in text.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys that are in use together."""

    first_id: bytes
    by_id: Mapping[bytes, AESGCM]
    fernet: MultiFernet


class Cipher:
    """Encrypts with the first of its keys and decrypts with any of them (rotation).

    Each value has the id of its key, and a random nonce: safe for 2**32 values per key (NIST
    SP 800-38D, 8.3).
    """

    #: How much longer than its plain value an AES-GCM value is; the older ones have no key id.
    OVERHEAD_BYTES = len(VERSION) + KEY_ID_BYTES + _NONCE_BYTES + _TAG_BYTES
    OLD_OVERHEAD_BYTES = OVERHEAD_BYTES - KEY_ID_BYTES

    def __init__(self, keys: Sequence[str], source: KeySource | None = None) -> None:
        """keys: Fernet keys, from which the AES-GCM keys are derived. Raises ValueError.

        source: where they are from. A file is read again when it has changed.
        """
        self.source = source or KeySource("the key")
        self._keys = _read_keys(keys)
        self._seen = self._look()
        #: For digests. The database keeps the one it began with, whatever key comes later.
        self.index_key = _derive(keys[-1], b"hearsay: digests of ids, HMAC-SHA256")

    @property
    def key_id(self) -> bytes:
        """The id of the key that encrypts."""
        return self._keys.first_id

    def encrypt(self, plain: bytes, column: bytes = b"") -> bytes:
        """Return `plain` encrypted. It can be decrypted for the same column only."""
        keys, nonce = self._keys, os.urandom(_NONCE_BYTES)
        encrypted = keys.by_id[keys.first_id].encrypt(nonce, plain, column)
        return VERSION + keys.first_id + nonce + encrypted

    def decrypt(self, encrypted: bytes, column: bytes = b"") -> bytes:
        """Return the decrypted value. Raises ConfigError if no key fits."""
        body_at = len(VERSION) + KEY_ID_BYTES
        with suppress(InvalidTag, InvalidToken, ValueError):
            if encrypted.startswith(VERSION):
                cipher = self._find(encrypted[len(VERSION) : body_at])
                if cipher is not None:
                    return _open(cipher, encrypted[body_at:], column)
            elif encrypted.startswith(OLD_VERSION):
                return self._decrypt_old(encrypted[len(OLD_VERSION) :], column)
            elif encrypted.startswith(_FERNET_PREFIX):
                return self._keys.fernet.decrypt(encrypted)
        raise ConfigError(f"{self.source.name} does not decrypt this database")

    def digest(self, kind: bytes, value: str) -> str:
        """Return what stands for an id where only equality matters; the same id, the same digest.

        kind: those of other kinds differ. Without the key nobody can find out whose id it is by
        trying all that there are.
        """
        if not value or value.startswith(_MARK):
            return value
        found = hmac.digest(self.index_key, b"%s|%s" % (kind, value.encode()), hashlib.sha256)
        return _MARK + urlsafe_b64encode(found[:_DIGEST_BYTES]).decode()

    def refresh(self) -> None:
        """Read the file with the keys again if it has changed. Raises ConfigError if it is wrong.

        While it cannot be read, the keys in memory stay.
        """
        seen = self._look()
        if seen is None or seen == self._seen:
            return
        try:
            self._keys, self._seen = _read_keys(self.source.read()), seen
        except OSError:
            return
        except ValueError:
            raise ConfigError(f"{self.source.name} holds no key any more") from None

    def _look(self) -> tuple[int, int] | None:
        """Return what changes with the file, None if there is none."""
        try:
            found = self.source.path.stat() if self.source.path else None
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns) if found else None

    def _find(self, key_id: bytes) -> AESGCM | None:
        if key_id not in self._keys.by_id:
            self.refresh()  # perhaps another process rotates the keys right now
        return self._keys.by_id.get(key_id)

    def _decrypt_old(self, body: bytes, column: bytes) -> bytes:
        for cipher in self._keys.by_id.values():
            with suppress(InvalidTag):
                return _open(cipher, body, column)
        raise InvalidTag


def make_key() -> str:
    """Return a new key."""
    return Fernet.generate_key().decode()


def find_key_id(key: str) -> bytes:
    """Return the id that values encrypted with `key` have. Raises ValueError."""
    return _derive(key, b"hearsay: key id")[:KEY_ID_BYTES]


def derive_file_key(key: str, salt: bytes) -> bytes:
    """Return the 32 bytes that encrypt one backup. salt: random, of that file alone."""
    return _derive(key, b"hearsay: backup, AES-256-GCM", salt)


def _read_keys(keys: Sequence[str]) -> _Keys:
    if not keys:
        raise ValueError("no key")
    fernet = MultiFernet([Fernet(key) for key in keys])
    info = b"hearsay: content at rest, AES-256-GCM"
    by_id = {find_key_id(key): AESGCM(_derive(key, info)) for key in keys}
    return _Keys(find_key_id(keys[0]), by_id, fernet)


def _open(cipher: AESGCM, body: bytes, column: bytes) -> bytes:
    return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], column)


def _derive(key: str, info: bytes, salt: bytes | None = None) -> bytes:
    expansion = HKDF(SHA256(), length=32, salt=salt, info=info)
    return expansion.derive(urlsafe_b64decode(key))
