"""The queue that many processes share: procrastinate's table, on PostgreSQL only.

An entry there says that a job may have to run; what is to become of it says our own table. A job
has one entry while it is open, made in the same transaction as the job. Of an entry's columns,
`lock` keeps the order of a chat, `priority` is its turn, and `queue_name` leaves room for people
who have asked for little.
"""

from __future__ import annotations

from collections.abc import Collection
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from core.store.database.dialects import POSTGRESQL
from core.store.database.tables import jobs
from core.store.work.turns import OF_OPERATORS, SHARE, URGENT

#: Queues: what waits for nobody, what has few jobs of its person before it, and the rest.
URGENT_QUEUE, FIRST_QUEUE, MORE_QUEUE = "urgent", "first", "more"
#: What the name of a queue begins with that one process alone takes jobs from.
_OWN = "only "
#: The only task: its argument is the job's id.
TASK = "run_job"

_ADD = text(
    "UPDATE jobs SET entry = (procrastinate_defer_jobs_v1(ARRAY[ROW("
    "CAST(:queue AS text), 'run_job', CAST(:priority AS integer), CAST(:lock AS text), NULL, "
    "jsonb_build_object('job_id', CAST(:of_job AS text)), CAST(:at AS timestamptz)"
    ")::procrastinate_job_to_defer_v1]))[1] WHERE job_id = :of_job"
)
#: It is deleted if no process has taken it.
_DROP = text("SELECT procrastinate_cancel_job_v1(:entry, false, true)")
_IS_TAKEN = text("SELECT 1 FROM procrastinate_jobs WHERE id = :entry AND status = 'doing'")
_FREE = text("UPDATE procrastinate_jobs SET lock = NULL WHERE id = :entry")
_ADOPT = text(
    "UPDATE procrastinate_jobs SET queue_name = :queue "
    "WHERE status = 'todo' AND queue_name LIKE :own || '%' AND NOT EXISTS "
    "(SELECT 1 FROM leases WHERE queue_name = :own || holder AND name = 'process ' || holder)"
)
_OF_JOBS = select(
    *(jobs.c[name] for name in ("job_id", "seq", "chat_pk", "turn", "is_told", "entry"))
).where(jobs.c.job_id.in_(bindparam("of_jobs", expanding=True)), jobs.c.finished_at.is_(None))


def has_queue(connection: Connection) -> bool:
    """Return whether many processes may run the jobs of this database."""
    return connection.dialect.name == POSTGRESQL


def find_queue(values: dict[str, Any], open_jobs: int, process: str) -> str:
    """Return the queue of a new job.

    values: the columns of its row. open_jobs: how many others of its person are open.
    process: the one that alone can run it, empty for any.
    """
    if process:
        return own_queue(process)
    if values["is_urgent"] or values["command"] in OF_OPERATORS:
        return URGENT_QUEUE
    return FIRST_QUEUE if open_jobs < SHARE else MORE_QUEUE


def own_queue(process: str) -> str:
    """Return the queue that one process alone takes jobs from."""
    return f"{_OWN}{process}"


def enqueue_new(connection: Connection, values: dict[str, Any], turn: int, queue: str) -> None:
    """Make the entry of a job that was just added. values: the columns of its row."""
    entry = {"queue": queue, "priority": -turn}
    # A /cancel has taken effect already, and would come too late after the others.
    entry["lock"] = None if turn == URGENT else _lock(values["chat_pk"])
    later = values["run_at"] if values["run_at"] > values["created_at"] else None
    connection.execute(_ADD, entry | {"of_job": values["job_id"], "at": later})


def enqueue_again(
    connection: Connection, job_ids: Collection[str], *, keeps_turn: bool = False
) -> None:
    """Let open jobs be looked at now, unless a process has their entries: then it looks again.

    keeps_turn: they take turns as before; else they wait for nothing.
    """
    if not has_queue(connection) or not job_ids:
        return
    rows = connection.execute(_OF_JOBS, {"of_jobs": list(job_ids)}).all()
    for row in sorted(rows, key=attrgetter("turn", "seq")):
        if row.entry is not None:
            connection.execute(_DROP, {"entry": row.entry})
            if connection.execute(_IS_TAKEN, {"entry": row.entry}).first():
                continue
        waits = keeps_turn and row.turn != URGENT and not row.is_told
        entry = {"queue": FIRST_QUEUE, "priority": -row.turn if keeps_turn else -URGENT}
        entry |= {"lock": _lock(row.chat_pk) if waits else None, "at": None}
        connection.execute(_ADD, entry | {"of_job": row.job_id})


def free_chat(connection: Connection, job_id: str) -> None:
    """Let later jobs of the same chat pass a job."""
    if has_queue(connection):
        entry = connection.execute(select(jobs.c.entry).where(jobs.c.job_id == job_id)).scalar()
        connection.execute(_FREE, {"entry": entry})


def adopt(connection: Connection) -> None:
    """Let any process run what only processes that have ended could run."""
    connection.execute(_ADOPT, {"queue": FIRST_QUEUE, "own": _OWN})


def _lock(chat_pk: int) -> str:
    return f"chat {chat_pk}"
