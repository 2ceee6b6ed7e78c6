"""No query takes longer the more there has been: SQLite's plans of all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import getmembers, iscoroutinefunction
from typing import Any

import pytest
from sqlalchemy import Connection, Index, PrimaryKeyConstraint, UniqueConstraint, event

from core.store import Store
from core.store.database.tables import metadata
from core.store.recordings import StoredRecording
from core.store.work.deliveries import StoredLedger
from tests.conftest import NewMessage
from tests.store.every_query import call_everything

#: Tables that stay small, and why. All others grow.
SMALL = {
    "probes": "a row per role of an engine, and per open incident",
    "budgets": "a row per account that was given its own",
    "schedules": "a row per digest that a chat has asked for",
    "link_codes": "a row per account that linked another in the last ten minutes",
    "link_tries": "a row per code that was typed in the last ten minutes",
}
#: What may be sorted or read as a whole: part of the query, and why.
ALLOWED = {
    "newcomers.told_at IS NULL GROUP BY": "those who are to be told within the hour",
    "newcomers.told_at IS NULL ORDER BY": "those of one chat who are to be told",
    "FROM jobs GROUP BY jobs.state": "the command line counts all",
    "WHERE deliveries.platform_id IN (?, ?) AND": "those of one message",
    "AND messages.message_id = ? AND (+ jobs.chat_pk)": "the versions of one message",
    "ORDER BY anon_1.last_at DESC, anon_1.seq DESC": "the last job of each chat of one person",
    "AND named.chat_id = ?) ORDER BY schedules.next_at": "the digests of one chat",
    "WHERE usage.hour_at >= ? GROUP BY": "as many as a month has hours",
    "AND jobs.command = 'private_summary'": "summaries in private chats of the last month",
    "FROM admissions": "one row per chat or person that asked: read at the start and once a minute",
    "WHERE chats.platform != ? AND chats.gone_at IS NULL": "a broadcast goes to all chats",
    "FROM audit ORDER BY audit.audit_pk DESC": "the last ones, read backwards",
    "blob_pieces.blob_id)) AND (blob_pieces.blob_id NOT IN": "once, after a start",
}
_INDEXED = (Index, PrimaryKeyConstraint, UniqueConstraint)


@dataclass
class Queries:
    """What was asked of the database: each statement with the parameters it first had."""

    store: Store
    seen: dict[str, Any] = field(default_factory=dict)

    def note(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if re.match("SELECT|INSERT|UPDATE|DELETE|WITH", statement):
            self.seen.setdefault(statement, parameters)

    async def plan(self, statement: str) -> list[str]:
        """Return the steps that SQLite takes."""
        parameters = self.seen[statement]
        if isinstance(parameters, list):
            [parameters, *_] = parameters
        explain = f"EXPLAIN QUERY PLAN {statement}"
        return await self.store._database.read(
            lambda one: [row[3] for row in one.exec_driver_sql(explain, parameters)]
        )


@pytest.fixture
def queries(store: Store) -> Iterator[Queries]:
    found = Queries(store)
    database = store._database
    engines = database._writer.engine, database._readers.engine
    for engine in engines:
        event.listen(engine, "before_cursor_execute", found.note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", found.note)


def find_growth(step: str) -> str:
    """Return what takes longer the more there is in a step of a plan, "" for nothing."""
    scanned = re.match(r"SCAN (\w+)", step)
    if scanned and scanned[1] not in SMALL and step != "SCAN CONSTANT ROW":
        return step
    if "AUTOMATIC" in step:
        return step
    return step if re.match("USE TEMP B-TREE FOR (?!(RIGHT PART|LAST))", step) else ""


def list_methods(store: Store) -> dict[tuple[type, str], Callable[..., Any]]:
    """Return every method that asks the database something."""
    # A new key goes once over all tables, page by page.
    apart = (store._database, store.rotation, store.shared_jobs, store.leases, store.events)
    asking = [one for one in vars(store).values() if hasattr(one, "_database")]
    kinds = [type(one) for one in asking if one not in apart]
    return {
        (kind, name): method
        for kind in (*kinds, StoredLedger, StoredRecording)
        for name, method in getmembers(kind, iscoroutinefunction)
        if not name.startswith("_")
    }


@pytest.mark.sqlite_only
async def test_every_query_takes_as_long_after_a_million_messages(
    store: Store, queries: Queries, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: set[tuple[type, str]] = set()

    def watched(key: tuple[type, str], method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            called.add(key)
            return method(*args, **options)

        return call

    methods = list_methods(store)
    for (kind, name), method in methods.items():
        monkeypatch.setattr(kind, name, watched((kind, name), method))
    await call_everything(store, new_message)
    missing = {f"{kind.__name__}.{name}" for kind, name in methods.keys() - called}
    assert not missing, "tests/store/every_query.py is to call them"
    faults, used = [], set()
    for statement in queries.seen:
        allowed = {part for part in ALLOWED if part in " ".join(statement.split())}
        used |= allowed
        growth = [*filter(None, map(find_growth, await queries.plan(statement)))]
        if growth and not allowed:
            faults.append("\n".join([statement, *growth]))
    assert not faults, "\n\n".join(faults)
    assert used == set(ALLOWED)


def test_what_hangs_on_deleted_rows_is_found_by_an_index() -> None:
    """SQLite looks for the children of each row that is deleted, by reading all without one."""
    for table in metadata.tables.values():
        lists = (*table.indexes, *table.constraints)
        first = {next(iter(one.columns)).name for one in lists if isinstance(one, _INDEXED)}
        for key in table.foreign_keys:
            if key.column.table.name in ("messages", "jobs"):
                assert key.parent.name in first, f"{table.name}.{key.parent.name}"
