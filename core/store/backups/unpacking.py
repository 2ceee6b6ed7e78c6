"""Reading a backup: decrypted into an SQLite file, and verified in every way that there is."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from core.errors import ConfigError, StoreError
from core.store.backups.keys_needed import refuse_missing
from core.store.backups.manifest import Manifest, describe_database, open_still, read_manifest
from core.store.backups.sealed_file import NAME_BYTES, DamagedBackup, read_header, unseal
from core.store.backups.snapshot import refuse_full
from core.store.database.cipher import KeySource
from core.store.database.connections import INDEX_KEY
from core.store.database.encryption import build_cipher


def unpack(file: BinaryIO, keys: KeySource, path: Path) -> Manifest:
    """Write the database in a backup to a new file, and return the manifest.

    What was written is what the manifest says, byte for byte, an intact database, and can be read
    with the key. Raises ConfigError, StoreError: then the file is of no use.
    """
    name, pieces = str(file.name), unseal(file, keys)
    manifest = read_manifest(name, next(pieces))
    refuse_missing(name, manifest.keys, keys)
    refuse_full(path.parent, manifest.size_bytes)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as content:
        for piece in pieces:
            content.write(piece)
        content.flush()
        os.fsync(content.fileno())
    found = describe_database(path, manifest.created_at, manifest.version, manifest.kind)
    if replace(found, keys=manifest.keys) != manifest:
        raise DamagedBackup(name, "it does not hold what it says")
    find_name(path, keys)
    return manifest


def open_backup(path: Path, keys: KeySource) -> BinaryIO:
    """Return an open backup that one of the keys opens. Raises ConfigError, DamagedBackup."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        header = read_header(file)
        if keys.path and not keys.path.exists():
            raise ConfigError(
                f"{keys.name} is missing: put the key {header.key_id.hex()} there, with which "
                f"{path} is encrypted, or set HEARSAY_SECRET_KEY"
            )
        build_cipher(keys)  # a malformed key is an error of its own
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def find_name(path: Path, keys: KeySource) -> bytes:
    """Return what tells an SQLite database from others, from the key of its digests.

    It stays when the key that encrypts is replaced. Raises ConfigError if no key decrypts it.
    """
    cipher = build_cipher(keys)
    with closing(open_still(path)) as connection:
        try:
            row = connection.execute("SELECT content FROM index_key").fetchone()
        except sqlite3.DatabaseError as error:
            # Before migration 0014 there was no such table.
            if "no such table" not in str(error):
                raise StoreError(f"the copy of the database is damaged: {error}") from None
            row = None
    if row:
        cipher.index_key = cipher.decrypt(row[0], INDEX_KEY)
    return cipher.digest(b"backup", "name").encode()[1 : NAME_BYTES + 1]
