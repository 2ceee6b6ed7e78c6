"""The encrypted file: a header in plain text, then pieces that are bound to it and to their place.

The pieces are those of age and of Hoang et al., "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance" (STREAM, 2015): each is encrypted with AES-256-GCM under a key of
this file alone, and its nonce is its number and whether it is the last one. So a file that was cut
off, continued, put together anew or changed in any bit is refused, with one piece in memory.

    magic | length of the first piece | key id | name of the database | salt | first piece | others

The first piece is as long as the header says, all others but the last have PIECE_BYTES.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import ConfigError, StoreError
from core.store.database.cipher import KEY_ID_BYTES, KeySource, derive_file_key, find_key_id

PIECE_BYTES = 1 << 20
TAG_BYTES, _SALT_BYTES, NAME_BYTES = 16, 32, 8
#: Ends with the version of the format.
_MAGIC, _VERSION = b"hearsay backup ", b"1\n"
_LAYOUT = struct.Struct(f">I{KEY_ID_BYTES}s{NAME_BYTES}s{_SALT_BYTES}s")
HEADER_BYTES = len(_MAGIC + _VERSION) + _LAYOUT.size


class DamagedBackup(StoreError):
    """A backup is not as it was written."""

    is_retryable = False

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name} cannot be used: {detail}. Take another backup")


@dataclass(frozen=True, slots=True)
class Header:
    """What can be read without the key."""

    key_id: bytes
    #: Tells databases apart; the same for all backups of one.
    name: bytes
    salt: bytes
    #: Of the first piece, encrypted.
    first_bytes: int

    def pack(self) -> bytes:
        """Return its bytes, to which every piece is bound."""
        fields = self.first_bytes, self.key_id, self.name, self.salt
        return _MAGIC + _VERSION + _LAYOUT.pack(*fields)


def read_header(file: BinaryIO) -> Header:
    """Return the header at the beginning of a file. Raises DamagedBackup, ConfigError."""
    data = file.read(HEADER_BYTES)
    if not data.startswith(_MAGIC):
        raise DamagedBackup(str(file.name), "it is no backup of hearsay")
    if len(data) < HEADER_BYTES:
        raise DamagedBackup(str(file.name), "it was cut off")
    if not data.startswith(_MAGIC + _VERSION):
        raise ConfigError(f"{file.name} is newer than the program: update the program first")
    first_bytes, key_id, name, salt = _LAYOUT.unpack(data[-_LAYOUT.size :])
    return Header(key_id, name, salt, first_bytes)


def seal(file: BinaryIO, key: str, name: bytes, first: bytes, content: Iterable[bytes]) -> None:
    """Write an encrypted file. first: the first piece; content: of any sizes, not empty."""
    salt = os.urandom(_SALT_BYTES)
    header = Header(find_key_id(key), name, salt, len(first) + TAG_BYTES).pack()
    cipher = AESGCM(derive_file_key(key, salt))
    file.write(header)
    file.write(cipher.encrypt(_nonce(0, is_last=False), first, header))
    for number, (piece, is_last) in enumerate(_cut(content), 1):
        file.write(cipher.encrypt(_nonce(number, is_last=is_last), piece, header))


def unseal(file: BinaryIO, keys: KeySource) -> Iterator[bytes]:
    """Yield the pieces of an encrypted file, each verified; the first one first.

    Raises ConfigError if none of the keys has encrypted it, DamagedBackup. Nobody may rely on any
    piece before the last one.
    """
    name, header = str(file.name), read_header(file)
    cipher = AESGCM(derive_file_key(_find_key(name, header, keys), header.salt))
    number, size = 0, min(header.first_bytes, PIECE_BYTES + TAG_BYTES)
    piece = file.read(size)
    while piece:
        following = file.read(PIECE_BYTES + TAG_BYTES)
        nonce = _nonce(number, is_last=not following)
        try:
            yield cipher.decrypt(nonce, piece, header.pack())
        except (InvalidTag, ValueError):
            raise DamagedBackup(name, "it is damaged, or was changed or cut off") from None
        number, piece = number + 1, following
    if number < 2:
        raise DamagedBackup(name, "it was cut off")


def _find_key(name: str, header: Header, keys: KeySource) -> str:
    """Return the key that has encrypted a file. Raises ConfigError that names both fingerprints."""
    known = {find_key_id(key): key for key in keys.read()}
    if header.key_id not in known:
        found = ", ".join(key_id.hex() for key_id in known)
        raise ConfigError(
            f"{name} is encrypted with the key {header.key_id.hex()}, but {keys.name} has the key "
            f"{found}: put the key there that belongs to the backup"
        )
    return known[header.key_id]


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])


def _cut(content: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces of one size, the last one shorter or not, and whether each is the last."""
    waiting = bytearray()
    for part in content:
        waiting += part
        while len(waiting) > PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES]), False
            del waiting[:PIECE_BYTES]
    yield bytes(waiting), True
