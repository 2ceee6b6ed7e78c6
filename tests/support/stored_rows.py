"""All that is stored, decrypted and as it is, and a search in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, type_coerce
from sqlalchemy.types import NullType

from core.store import Store
from core.store.database.schema import objects
from core.store.database.tables import metadata

#: Table and primary key of a row -> the values of its columns, and how they are stored.
Rows = dict[tuple[str, tuple[Any, ...]], tuple[dict[str, Any], dict[str, Any]]]


async def read_rows(store: Store) -> Rows:
    """Return every row of every table, decrypted and as it is stored."""
    found: Rows = {}
    for table in metadata.sorted_tables:
        raw = select(*(type_coerce(column, NullType()) for column in table.columns))
        shown = await store._database.rows(select(table))
        stored = await store._database.rows(raw)
        for one, other in zip(shown, stored, strict=True):
            values = dict(zip(table.columns.keys(), one, strict=True))
            key = tuple(values[column.name] for column in table.primary_key)
            found[table.name, key] = values, dict(zip(values, other, strict=True))
    await _add_contents(store, found)
    return found


async def _add_contents(store: Store, found: Rows) -> None:
    """Add what is outside the database to the rows that say where it is, by what it belongs to."""
    for (table, _), (values, stored) in found.items():
        if table == objects.name and store._outside:
            key, storage = values["object_key"], store._outside._storage
            assert storage.folder
            name = f"of_{values['kind']}"
            values[name] = await storage.get(key)
            stored[name] = (storage.folder / storage._locate(key)).read_bytes()


def mentions(rows: Rows, *words: str, without: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the places at which a value has one of the words."""
    for (table, key), (values, _) in rows.items():
        for column, value in values.items():
            shown = repr(value)
            if f"{table}.{column}" not in without and any(word in shown for word in words):
                yield f"{table}.{column} {key}: {shown}"
