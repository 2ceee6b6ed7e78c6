"""Whatever rows there are, moving them there and back changes no byte of them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String
from sqlalchemy.exc import IntegrityError

from core.store.database.cipher import KeySource
from core.store.database.migrate import open_plain
from core.store.database.tables import metadata
from core.store.moving import rows as pages
from core.store.moving.move import move
from core.store.moving.rows import list_tables
from tests.support.clean_start import make_database
from tests.support.moved import read_all
from tests.support.postgresql import PostgresServer

#: PostgreSQL keeps no NUL in text, and nothing keeps half of a surrogate pair.
TEXT = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
MOMENTS = st.datetimes(timezones=st.just(UTC))
NUMBERS = {BigInteger: 63, Integer: 31}
KEYS = KeySource("none")

Tables = dict[str, list[dict[str, Any]]]


def values_of(column: Column[Any], *, is_optional: bool) -> st.SearchStrategy[Any]:
    """Return what may stand in a column, as it is stored."""
    kind = column.type
    if isinstance(kind, Boolean):
        found: st.SearchStrategy[Any] = st.booleans()
    elif isinstance(kind, Integer):
        bits = NUMBERS[BigInteger if isinstance(kind, BigInteger) else Integer]
        found = st.integers(-(2**bits), 2**bits - 1)
    elif isinstance(kind, Float):
        found = st.floats(allow_nan=False)
    elif isinstance(kind, LargeBinary):
        found = st.binary(max_size=40)
    elif isinstance(kind, String):
        found = st.text(TEXT, max_size=min(kind.length or 64, 12))
    else:
        found = MOMENTS
    return found | st.none() if is_optional else found


@st.composite
def databases(draw: st.DrawFn) -> Tables:
    """Return rows of all tables, which refer to others that are there."""
    made: Tables = {}
    for table in list_tables():
        columns = metadata.tables[table.name].columns
        referred = {key.parent.name: key.column for one in columns for key in one.foreign_keys}
        known = {
            name: [row[column.name] for row in made[column.table.name]]
            for name, column in referred.items()
        }
        strategies = {
            one.name: st.sampled_from(known[one.name])
            if known.get(one.name)
            else values_of(one, is_optional=bool(columns[one.name].nullable))
            for one in table.columns
            if known.get(one.name) != []
        }
        is_possible = all(known[name] or columns[name].nullable for name in known)
        # Objects are looked for: see `test_moving_sound`.
        most = 3 if is_possible and table.name != "objects" else 0
        made[table.name] = draw(st.lists(st.fixed_dictionaries(strategies), max_size=most))
    return made


def write(url: str, made: Tables) -> None:
    """Insert the rows that SQLite takes."""
    engine = open_plain(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        for table in list_tables():
            for row in made[table.name]:
                with suppress(IntegrityError):
                    connection.execute(table.insert(), row)
    engine.dispose()


@pytest.mark.parametrize("page_rows", [1, 2, 5000])
def test_they_come_back_as_they_were(
    page_rows: int, tmp_path: Path, postgresql: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_ROWS", page_rows)
    numbers = count()

    @settings(max_examples=2, phases=[Phase.generate])
    @given(databases())
    def there_and_back(made: Tables) -> None:
        home = tmp_path / str(next(numbers))
        home.mkdir()
        url, other, back = make_database(home), postgresql.create(), f"sqlite:///{home / 'b.db'}"
        write(url, made)
        stored = read_all(url)
        move(url, other, KEYS)
        assert read_all(other) == stored
        move(other, back, KEYS)
        assert read_all(back) == stored

    there_and_back()
