"""No query takes longer the more there has been: PostgreSQL's plans of all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from core.store import Store
from tests.conftest import NewMessage
from tests.store.every_query import call_everything
from tests.store.test_query_plans import SMALL
from tests.support.clean_start import URL_FILE, open_store
from tests.support.every_table import fill_every_table
from tests.support.postgresql import PostgresServer

#: What may be read as a whole: part of the query, and why.
READ = {
    "FROM jobs GROUP BY jobs.state": "the command line counts all",
    "FROM admissions": "one row per chat or person that asked: read at the start and once a minute",
    "WHERE chats.platform != ? AND chats.gone_at IS NULL": "a broadcast goes to all chats",
    "SELECT DISTINCT blob_pieces.blob_id": "once an hour",
}
#: What may be sorted.
SORTED = {
    "newcomers.told_at IS NULL ORDER BY": "those of one chat who are to be told",
    "ORDER BY anon_1.last_at DESC, anon_1.seq DESC": "the last job of each chat of one person",
    "named.chat_id = ?) ORDER BY schedules.next_at": "the digests of one chat",
    "WHERE usage.hour_at >= ? GROUP BY": "as many as a month has hours",
    "AND messages.message_id = ? AND jobs.chat_pk": "the versions of one message",
    "jobs.finished_at IS NULL AND": "what is open: as much as waits",
    "UNION ALL SELECT ? || messages.message_id": "two ids of one message",
    "remembered.sent_at <= ? AND remembered.thread_id": "all of it is returned",
}
#: Of the tables that grow: a million rows on one page, whatever they hold. The plan is the one for
#: any values, which PostgreSQL keeps once a statement was run often.
_SETTINGS = (
    # A job has few parts and buttons, a person few voices.
    "ANALYZE deliveries (job_id)",
    "ANALYZE buttons (job_id)",
    "ANALYZE voices (person_pk)",
    "UPDATE pg_class SET reltuples = CASE WHEN relname IN ({small}) THEN 10 ELSE 1000000 END,"
    " relpages = 1 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    *("SET enable_seqscan = off", "SET enable_hashjoin = off", "SET enable_mergejoin = off"),
    "SET plan_cache_mode = force_generic_plan",
)
_VALUE = re.compile(r"%\((\w+)\)s")
_PARAMETER = re.compile(r"%\(\w+\)s(::(TIMESTAMP WITH TIME ZONE|[A-Z]+))?")
_SMALL = tuple(f"{kind}_{name}" for name in SMALL for kind in ("ix", "uq", "pk"))


@pytest.fixture
def statements(stores: list[Store]) -> Iterator[set[str]]:
    """What was asked of the database."""
    found = set[str]()

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if re.match("SELECT|INSERT|UPDATE|DELETE|WITH", statement):
            found.add(statement)

    database = stores[0]._database
    engines = database._writer.engine, database._readers.engine
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


def explain(connection: Connection, statement: str) -> dict[str, Any]:
    """Return the plan of a statement for any values."""
    names = [*dict.fromkeys(_VALUE.findall(statement))]
    numbered = _VALUE.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    values = f"({', '.join(['NULL'] * len(names))})" if names else ""
    cursor = connection.connection.cursor()
    cursor.execute(f"PREPARE asked AS {numbered.replace('%%', '%')}")
    cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked{values}")
    [[[found]]] = cursor.fetchall()
    cursor.execute("DEALLOCATE asked")
    plan: dict[str, Any] = found["Plan"]
    return plan


def find_growth(plan: dict[str, Any], partial: set[str], *, is_limited: bool = False) -> list[str]:
    """Return the steps of a plan that take longer the more there is."""
    kind, table = plan["Node Type"], plan.get("Relation Name", "")
    index, is_first = plan.get("Index Name", ""), is_limited and "Filter" not in plan
    faults = []
    if kind == "Seq Scan" and table not in SMALL:
        faults.append(f"Seq Scan on {table}")
    is_small = index.startswith(_SMALL)
    if index and "Index Cond" not in plan and not (index in partial or is_first or is_small):
        faults.append(f"{kind} of all {index}")
    # An "Incremental Sort" goes on as far as the result is read.
    if kind == "Sort":
        faults.append(f"{kind} by {', '.join(plan['Sort Key'])}")
    is_limited = kind == "Limit" or (is_limited and kind == "LockRows")
    for step in plan.get("Plans", ()):
        faults += find_growth(step, partial, is_limited=is_limited)
    return faults


def judge(growth: list[str], statement: str) -> tuple[list[str], set[str]]:
    """Return what no list allows, and which of them allow something."""
    may_read = {part for part in READ if part in statement}
    may_sort = {part for part in SORTED if part in statement}
    is_sorted = any(step.startswith("Sort") for step in growth)
    faults = [step for step in growth if not (may_sort and step.startswith("Sort"))]
    return [] if may_read else faults, (may_read if faults else set()) | (
        may_sort if is_sorted else set()
    )


async def test_every_query_takes_as_long_after_a_million_messages(
    stores: list[Store],
    statements: set[str],
    new_message: NewMessage,
    postgresql: PostgresServer,
    tmp_path: Path,
) -> None:
    await call_everything(stores[0], new_message)
    asked, small = sorted(statements), ", ".join(f"'{table}'" for table in SMALL)
    (tmp_path / URL_FILE).write_text(postgresql.create())
    full = open_store(tmp_path)
    await fill_every_table(full, new_message)

    def explain_all(connection: Connection) -> list[list[str]]:
        for setting in _SETTINGS:
            connection.exec_driver_sql(setting.format(small=small))
        query = "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%% WHERE %%'"
        partial = {*connection.exec_driver_sql(query).scalars()}
        return [find_growth(explain(connection, one), partial) for one in asked]

    plans = await full._database.write(explain_all)
    await full.close()
    faults, used = [], set()
    for statement, growth in zip(asked, plans, strict=True):
        plain = _PARAMETER.sub("?", " ".join(statement.split()))
        found, allowed_by = judge(growth, plain)
        used |= allowed_by
        if found:
            faults.append("\n".join([plain, *found]))
    assert not faults, "\n\n".join(faults)
    assert used == {*READ, *SORTED}
