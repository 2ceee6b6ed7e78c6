"""Fences: what a process does for a job counts only as long as the job is its own.

A process that was suspended for too long finds its jobs taken over. Each beginning of a job raises
its number, which every transaction on behalf of the job compares first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from core.store.database.tables import jobs

Result = TypeVar("Result")

#: The row stays as it is until the transaction ends.
_IS_OURS = (
    select(jobs.c.seq)
    .where(jobs.c.job_id == bindparam("of_job"), jobs.c.fence == bindparam("of_fence"))
    .with_for_update(key_share=True)
)


class JobLost(asyncio.CancelledError):
    """Another process has taken the job over: the task that ran it here ends as if cancelled."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A job, and how often it had been begun when this process began it."""

    job_id: str
    number: int

    def guard(self, work: Callable[[Connection], Result]) -> Callable[[Connection], Result]:
        """Return `work`, which raises JobLost if another process has begun the job since."""

        def run(connection: Connection) -> Result:
            key = {"of_job": self.job_id, "of_fence": self.number}
            if connection.execute(_IS_OURS, key).first() is None:
                raise JobLost
            return work(connection)

        return run


#: That of the job under way, None where one process runs all jobs.
FENCE: ContextVar[Fence | None] = ContextVar("FENCE", default=None)
