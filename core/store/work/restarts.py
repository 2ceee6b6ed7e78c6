"""Jobs that begin anew: what they have read is gone since, and so is all they have made of it.

A summary, say, may be half finished when a message is deleted that it sums up. It is interrupted,
loses what it has saved and not delivered yet, and runs again from its start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, delete, select, update

from core.models import Chat, Job, JobState
from core.store.database.queries import (
    IS_CANCELLED,
    IS_OPEN,
    Database,
    chat_row,
    read_job,
    select_jobs,
    writes,
)
from core.store.database.tables import buttons, jobs
from core.store.talk.emptying import drop_unfinished
from core.store.work.deliveries import outdate
from core.store.work.queue import enqueue_again

#: Writes what becomes of interrupted jobs: given their ids, and those of them that ran.
Settle = Callable[[Collection[str], Collection[str]], Awaitable[object]]
_HAS_BEGUN = IS_OPEN & ~IS_CANCELLED & (jobs.c.state != JobState.HELD)


async def _settle_at_once(job_ids: Collection[str], settle: Settle) -> None:
    await settle(job_ids, ())


class Restarts:
    """Queries about jobs that begin anew."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Interrupts jobs, and settles them before any job begins. Set by who runs them.
        self.interrupt: Callable[[Collection[str], Settle], Awaitable[None]] = _settle_at_once

    async def list_open(self) -> list[Job]:
        """Return the jobs that run or wait, unless they are cancelled, the oldest first."""
        rows = await self._database.rows(select_jobs().where(_HAS_BEGUN).order_by(jobs.c.seq))
        return [read_job(row, self._database.now()) for row in rows]

    async def list_ended(self, since: datetime) -> list[Job]:
        """Return the jobs that have ended since then."""
        rows = await self._database.rows(select_jobs().where(jobs.c.finished_at >= since))
        return [read_job(row, self._database.now()) for row in rows]

    async def begin_anew(self, reading: Mapping[str, Chat]) -> None:
        """Let open jobs begin anew, without what they have saved. Those that run are interrupted.

        reading: job -> the chat whose history it reads.
        """
        if reading:
            settle = partial(self._settle, reading)
            # It goes on if this is cancelled, or else they would stay interrupted.
            await asyncio.shield(asyncio.ensure_future(self.interrupt([*reading], settle)))

    @writes
    def _settle(
        self,
        connection: Connection,
        reading: Mapping[str, Chat],
        job_ids: Collection[str],
        _ran: Collection[str],
    ) -> None:
        # None of them runs now: those whose row says so were interrupted, cancelled ones as well.
        is_it, now = jobs.c.job_id.in_(job_ids) & IS_OPEN, self._database.now()
        again = select(jobs.c.job_id).where(is_it, ~IS_CANCELLED).with_for_update()
        anew = {job_id: reading[job_id] for job_id in connection.execute(again).scalars()}
        change = update(jobs).where(is_it, jobs.c.state == JobState.RUNNING)
        waiting = {"state": JobState.WAITING, "run_at": now, "fence": jobs.c.fence + 1}
        connection.execute(change.values(waiting))
        change = update(jobs).where(jobs.c.job_id.in_(anew))
        connection.execute(change.values(reply=None, outcome=JobState.DONE, error=""))
        connection.execute(delete(buttons).where(buttons.c.job_id.in_(anew)))
        outdate(connection, anew)
        for chat in {*anew.values()}:
            chat_pk = chat_row(connection, chat).chat_pk
            of_chat = [job_id for job_id, read in anew.items() if read == chat]
            drop_unfinished(connection, {chat_pk}, of_chat)
        enqueue_again(connection, job_ids)
