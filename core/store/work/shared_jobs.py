"""Jobs that many processes run: beginning them, giving them back, and taking over others'.

Only on PostgreSQL; see `core.store.work.queue` for their entries.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    exists,
    literal_column,
    select,
    text,
    update,
)

from core.models import Job, JobState
from core.store.database.fencing import FENCE, Fence, JobLost
from core.store.database.queries import IS_OPEN, Database, read_job, select_jobs, writes
from core.store.database.tables import jobs
from core.store.work.deliveries import outdate
from core.store.work.queue import enqueue_again
from core.store.work.turns import WHILE_PAUSED

_BEGIN = (
    select_jobs()
    .where(jobs.c.job_id == bindparam("of_job"))
    .with_for_update(key_share=True, of=jobs)
)
_CHANGE = update(jobs).where(jobs.c.job_id == bindparam("of_job"))
_LEAVE = text(
    "DELETE FROM procrastinate_jobs WHERE id = :entry AND status = 'doing' "
    "AND worker_id IS NOT DISTINCT FROM :worker"
)
_HAS_ENTRY = (
    exists(literal_column("1"))
    .select_from(text("procrastinate_jobs AS known"))
    .where(literal_column("known.id") == jobs.c.entry)
)
_FORGOTTEN = select(jobs.c.job_id).where(
    IS_OPEN, jobs.c.state.in_((JobState.WAITING, JobState.RUNNING)), ~_HAS_ENTRY
)
#: Jobs whose entries are looked for at once.
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Begun:
    """What `SharedJobs.begin` has found."""

    #: The job that runs now, None if it does not.
    job: Job | None = None
    fence: Fence | None = None
    #: When to look again, None if the entry is of no use any more.
    again_at: datetime | None = None
    #: All work is paused, except that of operators and what has only to be delivered.
    is_paused: bool = False


class SharedJobs:
    """Queries about the jobs of many processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes
    def begin(self, connection: Connection, job_id: str, entry: int, max_crashes: int) -> Begun:
        """Begin a job if it is due and `entry` still stands for it.

        A process that ran it before has ended, or has lost it. If that happened `max_crashes`
        times the job is a dead letter: it may be the cause.
        """
        row, now = (
            connection.execute(_BEGIN, {"of_job": job_id}).one_or_none(),
            self._database.now(),
        )
        if row is None or row.entry != entry or row.finished_at or row.state == JobState.HELD:
            return Begun()
        if row.state == JobState.WAITING and row.run_at > now:
            return Begun(again_at=row.run_at)
        if self._database.paused.is_set() and row.reply is None and row.command not in WHILE_PAUSED:
            return Begun(is_paused=True)
        has_crashed, key = row.state == JobState.RUNNING, {"of_job": job_id}
        if has_crashed and row.crashes >= max_crashes:
            dead = {"state": JobState.DEAD, "finished_at": now, "error": "the process kept ending"}
            connection.execute(_CHANGE.values(dead), key)
            return Begun()
        values = {"state": JobState.RUNNING, "fence": row.fence + 1}
        values |= {"crashes": row.crashes + 1} if has_crashed else {"attempts": row.attempts + 1}
        connection.execute(_CHANGE.values(values), key)
        if has_crashed and row.outcome == JobState.CANCELLED:
            outdate(connection, [job_id])
        job = replace(read_job(row, now), state=JobState.RUNNING, attempts=row.attempts + 1)
        return Begun(job, Fence(job_id, row.fence + 1))

    async def give_back(self, job_id: str, fence: Fence | None) -> None:
        """Let a job that was interrupted run again, here or elsewhere, unless it does already."""
        token = FENCE.set(fence)
        try:
            with suppress(JobLost):
                await self._give_back(job_id)
        finally:
            FENCE.reset(token)

    @writes
    def _give_back(self, connection: Connection, job_id: str) -> None:
        values = {"state": JobState.WAITING, "attempts": jobs.c.attempts - 1}
        is_running = IS_OPEN & (jobs.c.state == JobState.RUNNING)
        change = _CHANGE.where(is_running).values(values).returning(jobs.c.outcome)
        outcome = connection.execute(change, {"of_job": job_id}).scalar()
        if outcome == JobState.CANCELLED:
            outdate(connection, [job_id])

    @writes
    def take_over(self, connection: Connection, entry: int, worker: int | None) -> bool:
        """Make a new entry for the job of one that a process has left. Return False if none has.

        worker: procrastinate's id of that process, None if it is forgotten.
        """
        if not connection.execute(_LEAVE, {"entry": entry, "worker": worker}).rowcount:
            return False
        found = select(jobs.c.job_id).where(jobs.c.entry == entry)
        enqueue_again(connection, connection.execute(found).scalars().all(), keeps_turn=True)
        return True

    async def repair(self) -> int:
        """Make entries for open jobs that have none, as after a move. Return how many."""
        rows = await self._database.rows(_FORGOTTEN.order_by(jobs.c.seq).limit(_PAGE))
        if rows:
            await self._repair([row.job_id for row in rows])
        return len(rows)

    @writes
    def _repair(self, connection: Connection, job_ids: Collection[str]) -> None:
        enqueue_forgotten(connection, jobs.c.job_id.in_(job_ids))


def enqueue_forgotten(connection: Connection, *is_it: ColumnElement[bool]) -> int:
    """Make entries for open jobs that have none, the oldest first. Return for how many."""
    query = _FORGOTTEN.where(*is_it).order_by(jobs.c.seq).limit(_PAGE)
    found = connection.execute(query.with_for_update(key_share=True)).scalars().all()
    enqueue_again(connection, found, keeps_turn=True)
    return len(found)
