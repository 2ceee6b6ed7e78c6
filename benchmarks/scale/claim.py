"""The claim of the next job by a worker, beside how many have ended and wait."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import psycopg

from benchmarks.scale.system import run_server
from benchmarks.support.processes import median
from tests.support.postgresql import PostgresServer, connect

#: Finished jobs and jobs that wait; how many of each chat, and how many chats are busy. The claim
#: passes what waits for those, so that it does take longer the more jobs one chat has.
FULL, FEW = (1_000_000, 10_000), (0, 100)
OF_CHAT, BUSY = 2, 20
#: In turns of so many.
TURNS, CLAIMS = 10, 40
FETCH = "SELECT id FROM procrastinate_fetch_job_v2(ARRAY['urgent', 'first', 'more'], 1)"
_ADD = (
    "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, args, status) "
    "SELECT 'first', 'run_job', -n, 'chat ' || (n %% %s), '{}', %s::procrastinate_job_status "
    "FROM generate_series(1, %s) AS n"
)


def fill(server: PostgresServer, ended: int, waiting: int) -> psycopg.Connection[Any]:
    """Return a connection to a database with so many jobs.

    procrastinate deletes what has ended; here it is kept, as if another program had not.
    """
    connection = connect(server.create())
    connection.execute("SELECT * FROM procrastinate_register_worker_v1()")
    connection.execute("SET session_replication_role = replica")
    connection.execute(_ADD, (1000, "succeeded", ended))
    connection.execute(_ADD, (waiting // OF_CHAT, "todo", waiting))
    connection.execute(
        "UPDATE procrastinate_jobs SET status = 'doing' WHERE id IN (SELECT id FROM"
        " procrastinate_jobs WHERE status = 'todo' ORDER BY priority DESC LIMIT %s)",
        (BUSY,),
    )
    connection.execute("SET session_replication_role = origin")
    connection.execute("VACUUM ANALYZE")
    return connection


def claim_ms(connection: psycopg.Connection[Any]) -> float:
    """Return how long a claim takes, and leave the queue as it was."""
    connection.execute("BEGIN")
    began_s = time.perf_counter()
    assert connection.execute(FETCH).fetchone()
    took_s = time.perf_counter() - began_s
    connection.execute("ROLLBACK")
    return 1000 * took_s


@cache
def measure() -> tuple[float, float]:
    """Return the milliseconds of a claim with many jobs and with few."""
    with run_server() as server, fill(server, *FULL) as many, fill(server, *FEW) as few:
        took: dict[psycopg.Connection[Any], list[float]] = {many: [], few: []}
        for _ in range(TURNS):
            for connection, times in took.items():
                times += [claim_ms(connection) for _ in range(CLAIMS)]
                # What a rollback leaves is gone after each turn, as autovacuum lets it.
                connection.execute("VACUUM procrastinate_jobs")
        return median(took[many]), median(took[few])
