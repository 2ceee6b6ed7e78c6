"""Which keys a copy of a database needs: several while they are being replaced."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from core.errors import ConfigError
from core.store.backups.manifest import open_still
from core.store.database.cipher import KEY_ID_BYTES, VERSION, KeySource, find_key_id
from core.store.database.encryption import Encrypted
from core.store.database.tables import metadata


def find_needed(path: Path, keys: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the keys that decrypt an SQLite file, in hexadecimal digits.

    keys: all that may; the first one is needed in any case.
    """
    first, *others = [find_key_id(key) for key in dict.fromkeys(keys)]
    if not others:
        return (first.hex(),)
    with closing(open_still(path)) as db:
        heads = {head for column in _list_columns(db) for (head,) in db.execute(column)}
    # Values from before keys had ids do not tell whose they are.
    is_old = any(not head.startswith(VERSION) for head in heads)
    used = [one for one in others if is_old or VERSION + one in heads]
    return tuple(one.hex() for one in (first, *used))


def refuse_missing(name: str, needed: Sequence[str], keys: KeySource) -> None:
    """Raise ConfigError unless all keys that the backup `name` needs are there."""
    known = {find_key_id(key).hex() for key in keys.read()}
    if missing := [one for one in needed if one not in known]:
        raise ConfigError(
            f"{name} was made while keys were replaced: add the key {missing[0]} to {keys.name}, "
            "after the other one and a comma"
        )


def _list_columns(db: sqlite3.Connection) -> Iterator[str]:
    """Yield a query for each encrypted column that is there: what its values begin with."""
    size = len(VERSION) + KEY_ID_BYTES
    for table in metadata.sorted_tables:
        present = {row[1] for row in db.execute(f"PRAGMA table_info({table.name})")}
        for column in table.columns:
            if isinstance(column.type, Encrypted) and column.name in present:
                head = f'substr("{column.name}", 1, {size})'
                yield (
                    f"SELECT DISTINCT {head} FROM {table.name}"  # noqa: S608
                    f' WHERE "{column.name}" IS NOT NULL'
                )
