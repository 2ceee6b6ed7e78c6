"""The table of jobs. Each job ends as done, refused, dead or cancelled."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from core.errors import JobCancelled
from core.models import OPEN_STATES, PLACEHOLDER, Chat, DeliveryState, Job, JobState, Message, Reply
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import (
    IS_CANCELLED,
    IS_OPEN,
    Database,
    chat_row,
    is_chat,
    read_job,
    select_jobs,
)
from core.store.database.tables import buttons, chats, deliveries, jobs, messages


def _select_next() -> Select[Any]:
    earlier = jobs.alias("earlier")
    is_blocked = exists().where(
        earlier.c.chat_pk == jobs.c.chat_pk,
        earlier.c.state.in_(OPEN_STATES),
        earlier.c.seq < jobs.c.seq,
        ~earlier.c.is_told,
    )
    is_due = jobs.c.run_at <= bindparam("now", type_=UtcDateTime())
    # It has taken effect already, and what it says would come too late after the others.
    is_urgent = jobs.c.command == "cancel"
    return (
        select_jobs()
        .where(jobs.c.state == JobState.WAITING, is_due, is_urgent | ~is_blocked)
        .order_by(jobs.c.run_at, jobs.c.seq)
        .limit(1)
    )


# Built once: building them costs more than running them, and every job waits for them.
_NEXT = _select_next()
_BEGIN = (
    update(jobs)
    .where(jobs.c.seq == bindparam("next_seq"))
    .values(state=JobState.RUNNING, attempts=jobs.c.attempts + 1)
)
_CHANGE = update(jobs).where(jobs.c.job_id == bindparam("of_job"))
_CHANGE_UNLESS_CANCELLED = _CHANGE.where(~IS_CANCELLED)
_NEXT_RUN = select(func.min(jobs.c.run_at)).where(
    jobs.c.state == JobState.WAITING, jobs.c.run_at > bindparam("after", type_=UtcDateTime())
)


class Jobs:
    """Queries about jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self) -> Job | None:
        """Take the oldest due job of a chat that is not busy, None if there is none.

        Jobs of a chat run in order of arrival. One that takes longer, after the person was shown
        so, lets later ones pass.
        """
        async with self._database.write() as connection:
            now = self._database.now()
            row = (await connection.execute(_NEXT, {"now": now})).one_or_none()
            if row is None:
                return None
            await connection.execute(_BEGIN, {"next_seq": row.seq})
        return replace(read_job(row, now), state=JobState.RUNNING, attempts=row.attempts + 1)

    async def next_run_at(self, after: datetime) -> datetime | None:
        """Return when the first waiting job becomes due after `after`, None if there is none."""
        rows = await self._database.rows(_NEXT_RUN, {"after": after})
        moment: datetime | None = rows[0][0]
        return moment

    async def requeue_lost(self, max_crashes: int) -> int:
        """Make jobs wait again that were running when the last process ended. Return how many.

        A job during which the process ended `max_crashes` times is a dead letter: it may be the
        cause.
        """
        now = self._database.now()
        is_running = jobs.c.state == JobState.RUNNING
        given_up = update(jobs).where(is_running, jobs.c.crashes >= max_crashes)
        dead = {"state": JobState.DEAD, "finished_at": now, "error": "the process kept ending"}
        again = {
            "state": JobState.WAITING,
            "run_at": jobs.c.created_at,
            "attempts": jobs.c.attempts - 1,
            "crashes": jobs.c.crashes + 1,
        }
        delayed = update(jobs).where(jobs.c.state == JobState.WAITING, jobs.c.is_told)
        async with self._database.write() as connection:
            await connection.execute(given_up.values(dead))
            lost = await connection.execute(update(jobs).where(is_running).values(again))
            # What only the operator could fix may be fixed by now.
            await connection.execute(delayed.values(run_at=now))
        return lost.rowcount

    async def save_reply(self, job_id: str, reply: Reply, outcome: JobState) -> Reply:
        """Save `reply` before anything is sent, with tokens for its buttons.

        outcome: the state of the job once the reply is delivered.
        Raises JobCancelled.
        """
        async with self._database.write() as connection:
            return await _save_reply(connection, job_id, reply, outcome)

    async def finish(self, job_id: str, state: JobState, error: str = "") -> None:
        """End the job.

        error: for the operator; it has no chat content.
        Raises JobCancelled: it is to end with another reply.
        """
        values = {"state": state, "finished_at": self._database.now(), "error": error[:400]}
        change = _CHANGE if state is JobState.CANCELLED else _CHANGE_UNLESS_CANCELLED
        async with self._database.write() as connection:
            ended = await connection.execute(change.values(values), {"of_job": job_id})
        if not ended.rowcount:
            raise JobCancelled

    async def run_later(
        self, job_id: str, run_at: datetime, error: str = "", *, is_attempt: bool = True
    ) -> None:
        """Let the job wait until `run_at`; is_attempt: whether this attempt counts."""
        values = {"state": JobState.WAITING, "run_at": run_at, "error": error[:400]}
        if not is_attempt:
            values["attempts"] = jobs.c.attempts - 1
        async with self._database.write() as connection:
            await connection.execute(_CHANGE.values(values), {"of_job": job_id})

    async def note_delay_shown(self, job_id: str) -> bool:
        """Record that the person is shown that this takes longer. Return False if it is over."""
        is_open = IS_OPEN & jobs.c.reply.is_(None)
        async with self._database.write() as connection:
            change = _CHANGE.where(is_open).values(is_told=True)
            return bool((await connection.execute(change, {"of_job": job_id})).rowcount)

    async def list_untold(self, limit: int = 200) -> list[Job]:
        """Return open jobs without a reply whose people were not shown a delay, oldest first."""
        query = select_jobs().where(
            IS_OPEN,
            ~jobs.c.is_told,
            jobs.c.reply.is_(None),
        )
        rows = await self._database.rows(query.order_by(jobs.c.seq).limit(limit))
        now = self._database.now()
        return [read_job(row, now) for row in rows]

    async def retry(self, job_id: str) -> bool:
        """Run a dead letter again. Return False if there is no dead letter of that id.

        The message that reported the failure becomes the placeholder of the new reply.
        """
        async with self._database.write() as connection:
            is_dead = (jobs.c.job_id == job_id) & (jobs.c.state == JobState.DEAD)
            values = {"state": JobState.WAITING, "attempts": 0, "crashes": 0}
            result = await connection.execute(
                update(jobs)
                .where(is_dead)
                .values(**values, run_at=self._database.now(), reply=None)
                .values(outcome=JobState.DONE, is_told=False)
            )
            if not result.rowcount:
                return False
            await _turn_into_placeholder(connection, job_id)
        return True

    async def redo(self, job_id: str, reply: Reply) -> bool:
        """Replace the reply of a job that is done: what was sent is edited.

        Return False if there is no such job. Safe to repeat.
        """
        is_it = (jobs.c.job_id == job_id) & (jobs.c.outcome == JobState.DONE)
        is_ended = is_it & (jobs.c.state.in_((JobState.DONE, JobState.WAITING)))
        now = self._database.now()
        values = {"state": JobState.WAITING, "attempts": 0, "crashes": 0, "is_told": False}
        async with self._database.write() as connection:
            # Its age starts over: an edit that has to wait is not given up for the age of the job.
            result = await connection.execute(
                update(jobs)
                .where(is_ended, jobs.c.reply.is_not(None))
                .values(**values, created_at=now, run_at=now)
            )
            if not result.rowcount:
                return False
            await _save_reply(connection, job_id, reply, JobState.DONE)
            is_mine = (deliveries.c.job_id == job_id) & (deliveries.c.part > PLACEHOLDER)
            is_sent = deliveries.c.state == DeliveryState.SENT
            change = update(deliveries).where(is_mine, is_sent)
            await connection.execute(change.values(state=DeliveryState.STALE))
        return True

    async def find(self, job_id: str) -> Job | None:
        """Return one job."""
        found = await self._select(jobs.c.job_id == job_id, limit=1)
        return found[0] if found else None

    async def recent(self, states: Collection[JobState], limit: int = 50) -> list[Job]:
        """Return jobs in these states, the newest first."""
        return await self._select(jobs.c.state.in_(states), limit=limit)

    async def history(self, chat: Chat, limit: int = 50, before: str = "") -> list[Job]:
        """Return the jobs of a chat, the newest first; before: those that came before this one."""
        condition = is_chat(chat)
        if before:
            seq = select(jobs.c.seq).where(jobs.c.job_id == before).scalar_subquery()
            condition &= jobs.c.seq < seq
        return await self._select(condition, limit=limit)

    async def of_message(self, chat: Chat, message_id: str) -> Job | None:
        """Return the job of a message, None if it has none."""
        found = await self._select(is_chat(chat) & (messages.c.message_id == message_id), limit=1)
        return found[0] if found else None

    async def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        return {JobState(state): count for state, count in await self._database.rows(query)}

    async def cancel_chat(self, chat: Chat) -> None:
        """Cancel every open job of a chat that is gone."""
        now = self._database.now()
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            is_here = jobs.c.chat_pk == row.chat_pk
            await connection.execute(
                update(jobs)
                .where(is_here, IS_OPEN)
                .values(state=JobState.CANCELLED, finished_at=now, error="ChatGone")
            )
            gone = update(chats).where(chats.c.chat_pk == row.chat_pk)
            await connection.execute(gone.values(gone_at=now))

    async def _select(self, condition: ColumnElement[bool], limit: int) -> list[Job]:
        query = select_jobs().where(condition).order_by(jobs.c.seq.desc()).limit(limit)
        now = self._database.now()
        return [read_job(row, now) for row in await self._database.rows(query)]


async def _save_reply(
    connection: AsyncConnection, job_id: str, reply: Reply, outcome: JobState
) -> Reply:
    given = tuple(replace(b, token=secrets.token_urlsafe(16)) for b in reply.buttons)
    reply = replace(reply, buttons=given)
    key = select(jobs.c.chat_pk).where(jobs.c.job_id == job_id).scalar_subquery()
    person_id = None
    if any(button.is_private for button in given):
        person_id = await _find_sender(connection, job_id)
    for button in given:
        await connection.execute(
            buttons.insert().values(
                token=button.token,
                chat_pk=key,
                job_id=job_id,
                command=button.command,
                content=button.text,
                person_id=person_id if button.is_private else None,
            )
        )
    change = _CHANGE_UNLESS_CANCELLED.values(reply=reply, outcome=outcome)
    if not (await connection.execute(change, {"of_job": job_id})).rowcount:
        raise JobCancelled
    return reply


async def _find_sender(connection: AsyncConnection, job_id: str) -> str:
    query = select(messages.c.content).join(jobs, jobs.c.message_pk == messages.c.message_pk)
    message: Message = (await connection.execute(query.where(jobs.c.job_id == job_id))).scalar_one()
    return message.sender_id


async def _turn_into_placeholder(connection: AsyncConnection, job_id: str) -> None:
    mine = deliveries.c.job_id == job_id
    first = select(deliveries.c.platform_id).where(mine, deliveries.c.part == 0)
    platform_id = (await connection.execute(first)).scalar()
    await connection.execute(delete(deliveries).where(mine))
    if platform_id:
        values = {"job_id": job_id, "part": PLACEHOLDER, "state": DeliveryState.SENT}
        await connection.execute(deliveries.insert().values(**values, platform_id=platform_id))
