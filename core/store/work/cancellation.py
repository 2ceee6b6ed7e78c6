"""Cancelling open jobs: their replies are replaced, and what was sent of them is taken back.

A cancelled job ends on the same road as every other one. The reply that it gets here is delivered
instead of all that was shown or sent so far; an empty one leaves nothing in the chat. So the job
stays cancelled, whenever the process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, true, update

from core.models import Chat, Job, JobState, Reply
from core.store.database.objects import drop_files
from core.store.database.queries import (
    IS_CANCELLED,
    IS_OPEN,
    Database,
    is_chat,
    read_job,
    select_jobs,
    writes,
)
from core.store.database.tables import jobs
from core.store.work.buttons import keep_buttons
from core.store.work.deliveries import outdate
from core.store.work.queue import enqueue_again

#: Returns the reply in place of a job's own, empty to leave nothing; None lets the job run.
ChooseCancelled = Callable[[Job], Reply | None]


class Cancellation:
    """Queries that cancel jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Called with the ids of jobs that were cancelled, to interrupt those that run.
        self.on_cancel: Callable[[Collection[str]], None] = lambda job_ids: None

    async def cancel(
        self, chat: Chat | None, choose: ChooseCancelled, before: str = ""
    ) -> list[Job]:
        """Cancel the open jobs of a chat that `choose` picks, and return them, the oldest first.

        chat: None for all chats. before: only those that came before this one. Those that run are
        interrupted. Safe to repeat.
        """
        # Usually there is none: the only writer is not kept busy for that.
        if not await self._database.rows(_select_open(chat, before).limit(1)):
            return []
        cancelled = await self._database.write(
            lambda one: cancel_jobs(one, chat, choose, self._database.now(), before)
        )
        if cancelled:
            self.on_cancel({job.job_id for job in cancelled})
        return cancelled

    @writes
    def requeue(
        self, connection: Connection, job_ids: Collection[str], interrupted: Collection[str]
    ) -> None:
        """Let cancelled jobs run now, to deliver their last reply.

        interrupted: those of them that were running and are not any more.
        """
        # One that was interrupted at its very end has delivered that reply already.
        is_stopped = jobs.c.job_id.in_(interrupted) & IS_OPEN
        is_free = (jobs.c.state == JobState.WAITING) | is_stopped
        change = update(jobs).where(jobs.c.job_id.in_(job_ids), IS_CANCELLED, is_free)
        values = {"state": JobState.WAITING, "run_at": self._database.now()}
        again = {*connection.execute(change.values(values).returning(jobs.c.job_id)).scalars()}
        outdate(connection, {*interrupted} & again)
        enqueue_again(connection, again)


def _select_open(chat: Chat | None, before: str = "") -> Select[Any]:
    is_here = is_chat(chat) if chat else true()
    query = select_jobs().where(is_here, IS_OPEN, ~IS_CANCELLED).order_by(jobs.c.seq)
    if not before:
        return query
    seq = select(jobs.c.seq).where(jobs.c.job_id == before).scalar_subquery()
    return query.where(jobs.c.seq < seq)


def cancel_jobs(
    connection: Connection,
    chat: Chat | None,
    choose: ChooseCancelled,
    now: datetime,
    before: str = "",
) -> list[Job]:
    """Cancel jobs as `Cancellation.cancel` does, in the transaction of `connection`."""
    cancelled = list[Job]()
    # None of them ends meanwhile.
    rows = connection.execute(_select_open(chat, before).with_for_update(of=jobs)).all()
    for job in (read_job(row, now) for row in rows):
        reply = choose(job)
        if reply is None:
            continue
        keep_buttons(connection, job.job_id)
        drop_files(connection, job.reply, reply)
        values = {"outcome": JobState.CANCELLED, "run_at": now, "attempts": 0}
        if job.state is JobState.HELD:
            values |= {"state": JobState.CANCELLED, "finished_at": now}  # nothing was shown
        change = update(jobs).where(jobs.c.job_id == job.job_id)
        connection.execute(change.values(**values, reply=reply, error="cancelled"))
        outdate(connection, (job.job_id,))
        cancelled.append(replace(job, reply=reply, outcome=JobState.CANCELLED))
    return cancelled
