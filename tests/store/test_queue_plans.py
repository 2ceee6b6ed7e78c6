"""What runs once per job takes no longer the more jobs have been: PostgreSQL's plans, as executed.

`auto_explain` writes them, of the statements within procrastinate's functions as well, to the log.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.models import JobState, Message
from core.store import Store, make_cipher, migrate
from tests.conftest import NewMessage, ask_for_help
from tests.support.postgresql import PostgresServer, ask, connect
from tests.support.virtual_time import current_clock

#: Jobs that have ended, and that wait.
ENDED, WAITING, CHATS = 3000, 1500, 40
#: Tables that grow with them.
LARGE = {"jobs", "messages", "procrastinate_jobs"}
EXPLAIN = (
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_nested_statements = on",
    "auto_explain.log_format = json",
)
LOCKS = "ix_procrastinate_jobs_open_lock"
FETCH = "SELECT id FROM procrastinate_fetch_job_v2(ARRAY['urgent', 'first', 'more'], ?)"
_PLAN = re.compile(r"  plan:\n(\t\{.*?\n\t\})", re.DOTALL)


def fill(url: str) -> None:
    """Add many jobs that have ended, and many that wait in few chats, after the one of the store.

    The chats whose jobs are first run one already: whoever looks for a job passes all of theirs.
    """
    with connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, changed in (
            ("messages", {"message_pk": "100 + n", "message_id": "'m' || n"}),
            ("jobs", {"seq": "100 + n", "message_pk": "100 + n", "job_id": "'j' || n"}),
        ):
            more = {"state": "'done'", "finished_at": "j.created_at", "entry": "NULL"}
            changed |= more if table == "jobs" else {}
            query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            names = [name for (name,) in connection.execute(query, (table,))]
            values = ", ".join(changed.get(name, f"j.{name}") for name in names)
            insert = f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} AS j"
            connection.execute(f"{insert}, generate_series(1, {ENDED}) AS n".encode())
        for status, count, turn in (("succeeded", ENDED, 0), ("todo", WAITING, 5)):
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args,"
                " status) SELECT 'first', 'run_job', %s - n, 'chat ' || (9 + n %% %s), '{}',"
                " %s::procrastinate_job_status FROM generate_series(1, %s) AS n",
                (turn, CHATS, status, count),
            )
        connection.execute(
            "UPDATE procrastinate_jobs SET status = 'doing' WHERE id IN (SELECT id FROM"
            " procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC LIMIT 20)"
        )
        connection.execute("ANALYZE")


@pytest.fixture
async def filled(
    postgresql: PostgresServer, tmp_path: Path, new_message: NewMessage
) -> AsyncIterator[tuple[Store, str]]:
    """A store and the URL of its database, which has had many jobs and logs its plans."""
    url = postgresql.create()
    store = Store(url, make_cipher(None, tmp_path), current_clock())
    await add(store, ask_for_help(new_message, "1"))
    await store.close()
    fill(url)
    name = url.rpartition("/")[2]
    for setting in EXPLAIN:
        postgresql.execute(f"ALTER DATABASE {name} SET {setting}")
    store = Store(url, make_cipher(None, tmp_path), current_clock())
    yield store, url
    await store.close()


async def add(store: Store, message: Message) -> None:
    assert await store.intake.add(message, lambda message, settings: message.command)


async def run_a_job(store: Store, url: str, message: Message) -> None:
    """Let a job pass through the queue: its turn, its claim, its beginning and its end."""
    await add(store, message)
    [(worker,)] = ask(url, "SELECT * FROM procrastinate_register_worker_v1()")
    [(entry,)] = ask(url, FETCH, worker)
    assert entry
    ask(url, "SELECT procrastinate_finish_job_v1(?, 'succeeded', true)", entry)
    [(job_id, own)] = ask(url, "SELECT job_id, entry FROM jobs WHERE state = 'waiting' LIMIT 1")
    begun = await store.shared_jobs.begin(job_id, own, 3)
    assert begun.job
    await store.jobs.finish(job_id, JobState.DONE)


def read_plans(log: Path) -> list[dict[str, Any]]:
    return [json.loads(found) for found in _PLAN.findall(log.read_text(errors="replace"))]


def list_steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for step in plan.get("Plans", ()):
        yield from list_steps(step)


async def test_no_statement_of_a_job_reads_a_whole_table(
    filled: tuple[Store, str], postgresql: PostgresServer, new_message: NewMessage
) -> None:
    before = len(read_plans(postgresql.log))
    await run_a_job(*filled, ask_for_help(new_message, "2"))
    plans = read_plans(postgresql.log)[before:]
    texts = "\n".join(plan["Query Text"] for plan in plans)
    asked = ["INSERT INTO jobs", "WITH candidate", "DELETE FROM procrastinate_jobs"]
    asked += ("FOR NO KEY UPDATE OF jobs", "UPDATE jobs SET state", "procrastinate_defer_jobs")
    assert [part for part in asked if part not in texts] == []
    read = {
        (step["Relation Name"], plan["Query Text"])
        for plan in plans
        for step in list_steps(plan["Plan"])
        if step["Node Type"] == "Seq Scan" and step["Relation Name"] in LARGE
    }
    assert read == set()


async def test_the_claim_passes_jobs_of_busy_chats_without_reading_the_queue(
    filled: tuple[Store, str], postgresql: PostgresServer, new_message: NewMessage
) -> None:
    before = len(read_plans(postgresql.log))
    await run_a_job(*filled, ask_for_help(new_message, "2"))
    [claim] = (
        plan for plan in read_plans(postgresql.log)[before:] if "candidate" in plan["Query Text"]
    )
    indexes = {step.get("Index Name") for step in list_steps(claim["Plan"])}
    assert {LOCKS, "procrastinate_jobs_priority_idx_v1"} <= indexes, claim


async def test_a_database_from_before_gets_the_index(postgresql: PostgresServer) -> None:
    url = postgresql.create()
    query = f"SELECT indexdef FROM pg_indexes WHERE indexname = '{LOCKS}'"
    made = ask(url, query)
    ask(url, f"DROP INDEX {LOCKS}")
    ask(url, "ALTER TABLE watermarks DROP COLUMN is_private")
    ask(url, "ALTER TABLE switches DROP COLUMN text")
    ask(url, "UPDATE alembic_version SET version_num = '0029'")
    await migrate(url)
    assert ask(url, query) == made != []
