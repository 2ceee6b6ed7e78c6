"""Statistics for the operator: queue, jobs, hours, costs. No query here reads chat content."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, case, exists, func, select

from core.models import (
    OPEN_STATES,
    EngineUsage,
    HourStatistics,
    JobDetails,
    JobState,
    JobSummary,
    QueueState,
    Reply,
)
from core.store.database.queries import Database, find_newest, reads
from core.store.database.schema import usage
from core.store.database.tables import blobs, chats, jobs, messages, transcripts
from core.store.talk.forgotten import FORGOTTEN
from core.store.work.deliveries import Deliveries

_HOUR = timedelta(hours=1)
#: States of jobs that somebody waited for.
_ANSWERED = (JobState.DONE, JobState.REFUSED)
#: Columns of a job without chat content.
_PLAIN = (
    *("seq", "job_id", "command", "state", "attempts", "crashes", "created_at", "run_at"),
    *("finished_at", "error", "is_told", "outcome"),
)
#: In the order of the fields of EngineUsage.
_COSTS = (
    *("audio_s", "prompt_tokens", "completion_tokens"),
    *("audio_tokens", "cached_tokens", "reasoning_tokens"),
)


class Statistics:
    """Queries of the operator's view."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Past hours: no more jobs end in them.
        self._hours: dict[datetime, HourStatistics] = {}

    async def queue(self, now: datetime) -> QueueState:
        """Return the state of the queue."""
        is_later = (jobs.c.state == JobState.WAITING) & (jobs.c.run_at > now)
        is_later |= jobs.c.state == JobState.HELD
        of_others = case((is_later, None), else_=jobs.c.created_at)
        query = (
            select(jobs.c.state, func.count(), func.count(of_others), func.min(of_others))
            .where(jobs.c.state.in_((*OPEN_STATES, JobState.DEAD)))
            .group_by(jobs.c.state)
        )
        counts: Counter[str] = Counter()
        oldest: list[datetime] = []
        for state, count, now_count, first_at in await self._database.rows(query):
            counts["later"] += count - now_count
            counts[state] = now_count
            if state in OPEN_STATES and first_at:
                oldest.append(first_at)
        return QueueState(
            due=counts[JobState.WAITING],
            later=counts["later"],
            running=counts[JobState.RUNNING],
            dead=counts[JobState.DEAD],
            oldest_at=min(oldest, default=None),
        )

    @reads
    def job_summaries(
        self, connection: Connection, states: Collection[JobState], limit: int
    ) -> list[JobSummary]:
        """Return jobs in these states, the newest first."""
        rows = find_newest(connection, _select_summaries(), states, limit)
        return [_read_summary(row) for row in rows]

    async def job_details(self, job_id: str) -> JobDetails | None:
        """Return one job with its saved results, None if there is none of that id."""
        rows = await self._database.rows(_select_summaries().where(jobs.c.job_id == job_id))
        if not rows:
            return None
        of_reply = select(jobs.c.reply).where(jobs.c.job_id == job_id)
        reply: Reply | None = await self._database.scalar(of_reply)
        has_transcript, pieces = await self._find_transcript(reply.heard_key if reply else "")
        sent = await Deliveries(self._database).parts(job_id)
        return JobDetails(_read_summary(rows[0]), has_transcript, pieces, tuple(sent))

    async def hours(self, now: datetime, count: int = 24) -> list[HourStatistics]:
        """Return the last hours, the current one last."""
        this = now.replace(minute=0, second=0, microsecond=0)
        starts = [this - _HOUR * back for back in reversed(range(count))]
        self._hours = {at: self._hours[at] for at in starts if at in self._hours}
        missing = [at for at in starts if at not in self._hours]
        # One that was forgotten still counts as what it had ended as.
        state = case((jobs.c.error == FORGOTTEN, jobs.c.outcome), else_=jobs.c.state)
        query = select(jobs.c.created_at, jobs.c.finished_at, state)
        query = query.where(jobs.c.finished_at >= missing[0])
        found = _count_hours(missing, await self._database.rows(query))
        every = {**self._hours, **found}
        self._hours |= {at: hour for at, hour in found.items() if at < this}
        return [every[at] for at in starts]

    async def engine_usage(self, since: datetime) -> list[EngineUsage]:
        """Return the usage of each model since the hour of a moment, by engine and model."""
        sums = [func.sum(usage.c[name]) for name in ("calls", *_COSTS)]
        query = (
            select(usage.c.engine, usage.c.model, *sums)
            .where(usage.c.hour_at >= since.replace(minute=0, second=0, microsecond=0))
            .group_by(usage.c.engine, usage.c.model)
            .order_by(usage.c.engine, usage.c.model)
        )
        return [EngineUsage(*row) for row in await self._database.rows(query)]

    async def _find_transcript(self, key: str) -> tuple[bool, int]:
        """Return whether a transcript is saved, and how many of its pieces are."""
        if not key:
            return False, 0
        whole = select(func.count()).where(transcripts.c.key == key)
        pieces = select(func.count()).where(transcripts.c.whole == key)
        return bool(await self._database.scalar(whole)), await self._database.scalar(pieces) or 0


def _select_summaries() -> Select[Any]:
    of_job = (jobs.c[name] for name in _PLAIN)
    has_sound = exists().where(blobs.c.message_pk == jobs.c.message_pk)
    return (
        select(
            *of_job,
            jobs.c.reply.is_not(None).label("has_reply"),
            has_sound.label("has_sound"),
            chats.c.platform,
            chats.c.address,
        )
        .join(messages, messages.c.message_pk == jobs.c.message_pk)
        .join(chats, chats.c.chat_pk == jobs.c.chat_pk)
        # The message of a job that was forgotten has no content any more.
        .where(messages.c.content.is_not(None))
    )


def _read_summary(row: Any) -> JobSummary:
    return JobSummary(
        job_id=row.job_id,
        command=row.command,
        platform=row.platform,
        chat_id=row.address,
        state=JobState(row.state),
        attempts=row.attempts,
        crashes=row.crashes,
        received_at=row.created_at,
        run_at=row.run_at,
        finished_at=row.finished_at,
        error=row.error,
        is_told=row.is_told,
        has_sound=row.has_sound,
        has_reply=row.has_reply,
        outcome=JobState(row.outcome),
    )


def _count_hours(starts: Sequence[datetime], rows: Iterable[Any]) -> dict[datetime, HourStatistics]:
    """Return the statistics of hours; rows: the jobs that ended in them, and others."""
    ended: dict[datetime, Counter[JobState]] = {at: Counter() for at in starts}
    # An array needs a quarter of the memory of a list.
    waits_s = {at: array("d") for at in starts}
    for created_at, finished_at, state in rows:
        at = finished_at.replace(minute=0, second=0, microsecond=0)
        if at in ended:
            ended[at][JobState(state)] += 1
            if state in _ANSWERED:
                waits_s[at].append((finished_at - created_at).total_seconds())
    return {at: HourStatistics(at, ended[at], array("d", sorted(waits_s[at]))) for at in starts}
