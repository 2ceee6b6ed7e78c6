"""What SQLite and PostgreSQL spell differently, and whole numbers that are large enough on both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    make_url,
    text,
)
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from core.errors import ConfigError

#: Counts and keys that grow for years. A whole number of SQLite has as many bits as it needs.
BigInt = BigInteger().with_variant(Integer(), "sqlite")
#: What databases are called in URLs: the driver is ours to choose.
SQLITE, POSTGRESQL = "sqlite", "postgresql"


#: In one order everywhere, so that no two transactions wait for each other.
_TAKE_TURNS = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 0))"
    " FROM unnest(CAST(:names AS text[])) AS name"
)


def find_backend(url: str) -> str:
    """Return the kind of database at `url`: SQLITE or POSTGRESQL.

    Raises ConfigError, without the address: it may hold a password.
    """
    try:
        name = make_url(url).get_backend_name()
    except (ArgumentError, ValueError):  # a port that is no number, for one
        raise ConfigError("DATABASE_URL is not a database URL") from None
    if name not in (SQLITE, POSTGRESQL):
        raise ConfigError("DATABASE_URL must begin with sqlite:// or postgresql+psycopg://")
    return name


def take_turns(connection: Connection, *names: str) -> None:
    """Let transactions that name the same thing run one after the other, from here to their end.

    For what no row stands for yet, or several do. On SQLite all run one after the other.
    """
    if connection.dialect.name == POSTGRESQL:
        connection.execute(_TAKE_TURNS, {"names": sorted({*names})})


def index_some(name: str, *columns: str, where: str) -> Index:
    """Return an index of the rows that fulfil a condition; queries have to spell it likewise."""
    return Index(name, *columns, sqlite_where=text(where))


def index_in_order(
    prefix: str, lists: Iterable[Sequence[str]], key: str, where: str | None = None
) -> Iterator[Index]:
    """Yield an index of each list of columns that finds rows in the order of their key.

    SQLite has the key at the end of every index by itself.
    """
    condition = None if where is None else text(where)
    for names in lists:
        name = f"{prefix}{'_'.join(names)}"
        yield Index(name, *names, sqlite_where=condition).ddl_if(dialect=SQLITE)
        yield Index(name, *names, key, sqlite_where=condition).ddl_if(dialect=POSTGRESQL)


def set_conditions(metadata: MetaData) -> None:
    """Give indexes on PostgreSQL the conditions that they have on SQLite.

    To name them where the tables are described would load PostgreSQL's dialect everywhere.
    """
    for index in chain.from_iterable(table.indexes for table in metadata.tables.values()):
        index.dialect_options[POSTGRESQL]["where"] = index.dialect_options[SQLITE]["where"]


class Unindexed(FunctionElement[Any]):
    """A column by which SQLite is not to search: it would take the index of many rows."""

    inherit_cache = True
    name = "unindexed"

    def __init__(self, column: Column[Any]) -> None:
        super().__init__(column)
        self.type = column.type


@compiles(Unindexed)
def _(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return f"(+ {compiler.process(element.clauses, **options)})"


@compiles(Unindexed, POSTGRESQL)
def _(element: Unindexed, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


class Extreme(FunctionElement[Any]):
    """The largest of several numbers, or the smallest."""

    inherit_cache = True
    type = BigInt
    names = ("max", "greatest")


class Largest(Extreme):
    """The largest of several numbers."""

    inherit_cache = True
    name = "largest"


class Smallest(Extreme):
    """The smallest of several numbers."""

    inherit_cache = True
    name, names = "smallest", ("min", "least")


@compiles(Extreme)
def _(element: Extreme, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.names[0]}({compiler.process(element.clauses, **options)})"


@compiles(Extreme, POSTGRESQL)
def _(element: Extreme, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.names[1]}({compiler.process(element.clauses, **options)})"


@compiles(OnConflictDoNothing, POSTGRESQL)
def _(element: OnConflictDoNothing, compiler: SQLCompiler, **options: Any) -> str:
    return "ON CONFLICT DO NOTHING"


@compiles(OnConflictDoUpdate, POSTGRESQL)
def _(element: Any, compiler: Any, **options: Any) -> str:
    # Both say it with the same words: only the name of a constraint is PostgreSQL's own.
    element.constraint_target = None
    return str(compiler.visit_on_conflict_do_update(element, **options))


class RowId(ColumnElement[Any]):
    """What tells the rows of any table apart, whatever its primary key is.

    On PostgreSQL it is where a row stands: another one once it was changed.
    """

    inherit_cache = True
    __visit_name__ = "row_id"
    type = LargeBinary()

    def __init__(self, table: Table) -> None:
        self.table = table


@compiles(RowId)
def _(element: RowId, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.table.name}.rowid"


@compiles(RowId, POSTGRESQL)
def _(element: RowId, compiler: SQLCompiler, **options: Any) -> str:
    return f"{element.table.name}.ctid"
