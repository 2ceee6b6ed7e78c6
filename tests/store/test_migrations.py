from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from core.errors import ConfigError
from core.store import migrate
from core.store.database.migrate import list_revisions, make_config
from core.store.database.tables import metadata
from tests.support.clean_start import ask_database
from tests.support.paths import ROOT


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or "procrastinate" not in (name or "")


def is_of_this_kind(dialect: str) -> Callable[..., bool]:
    """Return whether a database of a kind is to have an index."""

    def is_it(found: Any, _name: object, kind: str, *_: object) -> bool:
        condition = getattr(found, "_ddl_if", None) if kind == "index" else None
        return condition is None or bool(condition.dialect == dialect)

    return is_it


async def test_migrations_lead_to_the_tables_of_the_code(database_url: str) -> None:
    await migrate(database_url)
    engine = create_engine(database_url)
    own = {"include_name": is_ours, "include_object": is_of_this_kind(engine.dialect.name)}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=own), metadata) == []
    engine.dispose()


async def test_indexes_of_some_rows_are_that_on_both_kinds(
    database_url: str, tmp_path: Path, tier: str
) -> None:
    await migrate(database_url)
    is_built = is_of_this_kind(tier)
    indexes = [one for table in metadata.tables.values() for one in table.indexes]
    partial = {
        one.name for one in indexes
        if one.dialect_options["sqlite"]["where"] is not None and is_built(one, None, "index")
    }  # fmt: skip
    ask = {
        "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '% WHERE %'"
        " AND tablename NOT LIKE 'procrastinate%'",
    }
    found = {name for (name,) in ask_database(tmp_path, ask[tier])}
    assert found == partial and len(found) > 10


def test_alembic_knows_the_same_revisions_in_the_same_order() -> None:
    walked = ScriptDirectory.from_config(make_config()).walk_revisions()
    assert [script.revision for script in walked][::-1] == list(list_revisions())


async def test_a_new_database_is_as_one_that_has_grown(tmp_path: Path) -> None:
    new, grown = (f"sqlite:///{tmp_path / name}.db" for name in ("new", "grown"))
    await migrate(new)
    for revision in list_revisions():
        await migrate(grown, None, revision)
    assert describe(new) == describe(grown)


def describe(url: str) -> dict[str, list[str]]:
    """All that a database says of its tables, in an order of its own."""
    engine = create_engine(url)
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        seen = inspect(connection)
        for table in seen.get_table_names():
            parts = [*seen.get_columns(table), *seen.get_foreign_keys(table)]
            checks = seen.get_check_constraints(table)
            lists = seen.get_unique_constraints(table) + seen.get_indexes(table)
            # What holds several columns may be called otherwise.
            unnamed = [sorted((k, show(v)) for k, v in one.items() if k != "name") for one in lists]
            key = seen.get_pk_constraint(table)["constrained_columns"]
            found[table] = sorted(map(str, (*parts, *checks, *unnamed, key)))
        rows = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()
        found["revisions"] = list(rows)
    engine.dispose()
    return found


def show(value: object) -> str:
    """What a partial index is limited to is shown as its text."""
    if isinstance(value, dict):
        return str({name: str(one) for name, one in value.items()})
    return str(value)


async def test_migrating_twice_and_at_once_is_harmless(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    found = describe(database_url)
    assert found["revisions"] == [list_revisions()[-1]] and {*metadata.tables} < {*found}
    await migrate(database_url)
    assert describe(database_url) == found


async def test_a_newer_database_is_refused(database_url: str, tmp_path: Path) -> None:
    await migrate(database_url)
    ask_database(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match="newer"):
        await migrate(database_url)


@pytest.mark.sqlite_only
async def test_jobs_that_were_forgotten_are_nobodys(database_url: str, tmp_path: Path) -> None:
    await migrate(database_url, None, "0020")
    values = "1, ?, 'say', 'cancelled', 1, 0, '2026-01-01', '2026-01-01', ?, ?, 'done', 'hers'"
    names = (
        "chat_pk, job_id, command, state, attempts, crashes, created_at, run_at, finished_at, "
        "error, outcome, person, message_pk"
    )
    rows = [("a", "2026-01-01", "forgotten"), ("b", "2026-01-01", ""), ("c", None, "forgotten")]
    for number, row in enumerate(rows):
        ask_database(tmp_path, f"INSERT INTO jobs ({names}) VALUES ({values}, {number})", *row)
    await migrate(database_url)
    found = dict(ask_database(tmp_path, "SELECT job_id, person FROM jobs"))
    assert found == {"a": None, "b": "hers", "c": "hers"}


@pytest.mark.parametrize("revision", [one for one in list_revisions() if one > "0026"])
def test_programs_of_the_version_before_can_go_on(revision: str) -> None:
    """Since there are several processes, migrations only add what old statements need not know."""
    [path] = (ROOT / "migrations" / "versions").glob(f"{revision}_*.py")
    [upgrade] = [
        ast.unparse(one)
        for one in ast.parse(path.read_text()).body
        if isinstance(one, ast.FunctionDef) and one.name == "upgrade"
    ]
    assert not re.findall(r"drop_(?:table|column)|rename|DROP (?:TABLE|COLUMN)|RENAME", upgrade)
    for column in re.findall(r"add_column\(.*", upgrade):
        assert "nullable=False" not in column or "server_default" in column
