"""Retention: remembered talk is deleted after its chat's days, all else after thirty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, Select, bindparam, delete, func, select

from core.models import JobState, TalkSettings
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import IS_FORM, Database, writes
from core.store.database.tables import (
    answers,
    blobs,
    buttons,
    chats,
    deliveries,
    jobs,
    messages,
    remembered,
    sounds,
    transcripts,
)
from core.store.people.links import drop_codes
from core.store.recordings import Recordings

#: For ended jobs with everything that belongs to them, and for paid results.
KEPT_FOR = timedelta(days=30)
#: For recordings that only we have: how long people can ask about them.
BLOBS_KEPT = timedelta(days=7)
#: For messages forwarded in private.
FORWARDS_KEPT = timedelta(days=1)
#: For what forms are about, which Discord lets people leave open.
FORMS_KEPT = timedelta(days=1)
#: How long a transaction that deletes may take: everybody else waits for it.
SLICE_S = 0.008
#: Rows that are looked for at once.
_PAGE = 100

#: Dead letters stay until the operator runs them again.
_IS_OLD = (jobs.c.state != JobState.DEAD) & (
    jobs.c.finished_at < bindparam("oldest", type_=UtcDateTime())
)
_OLD_JOBS = select(jobs.c.job_id, jobs.c.message_pk).where(_IS_OLD).limit(_PAGE)
_IS_STILL_OLD = select(jobs.c.seq).where(jobs.c.job_id == bindparam("of_job"), _IS_OLD)
_OF_JOB = (deliveries.c.job_id, buttons.c.job_id, jobs.c.job_id)
#: What belongs to a job is deleted before it.
_DELETE_JOB = (
    *(delete(key.table).where(key == bindparam("of_job")) for key in _OF_JOB),
    delete(messages).where(messages.c.message_pk == bindparam("of_message")),
)
_NEXT_CHAT = select(func.min(remembered.c.chat_pk)).where(
    remembered.c.chat_pk > bindparam("after_chat")
)
_NEXT_TALK = select(chats.c.chat_pk, chats.c.talk).where(
    chats.c.chat_pk == _NEXT_CHAT.scalar_subquery()
)


class Retention:
    """Deletes what has expired."""

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._recordings = recordings

    async def purge(self, now: datetime) -> int:
        """Delete what has expired at `now`, in small transactions. Return the number of rows.

        What an open job or a dead letter needs is never deleted.
        """
        forms = select(messages.c.message_pk).where(
            IS_FORM, messages.c.received_at < now - FORMS_KEPT
        )
        count = await self._purge_talk(now)
        count += await self._purge_blobs(now - BLOBS_KEPT)
        count += await self._delete(messages.c.message_pk, forms)
        count += await self._purge_jobs(now - KEPT_FOR)
        await self._recordings.sweep()
        count += await self._database.write(lambda one: drop_codes(one, now))
        for table in (transcripts, answers, sounds):
            is_old = table.c.created_at < now - KEPT_FOR
            count += await self._delete(table.c.key, select(table.c.key).where(is_old))
        return count

    async def _purge_talk(self, now: datetime) -> int:
        count, chat_pk = 0, 0
        # Chat after chat: a list of them would be made from all messages.
        while rows := await self._database.rows(_NEXT_TALK, {"after_chat": chat_pk}):
            [(chat_pk, talk)] = rows
            days = (talk or TalkSettings()).remember_days
            oldest = now - (timedelta(days=days) if days else FORWARDS_KEPT)
            is_old = (remembered.c.chat_pk == chat_pk) & (remembered.c.sent_at < oldest)
            key = remembered.c.remembered_pk
            count += await self._delete(key, select(key).where(is_old))
        return count

    async def _purge_blobs(self, oldest: datetime) -> int:
        """Delete the recordings of jobs that are over, in the order in which they came."""
        count, message_pk = 0, 0
        query = (
            select(blobs.c.message_pk, jobs.c.state, jobs.c.finished_at, jobs.c.created_at)
            .join(jobs, jobs.c.message_pk == blobs.c.message_pk)
            .order_by(blobs.c.message_pk)
            .limit(_PAGE)
        )
        while rows := await self._database.rows(query.where(blobs.c.message_pk > message_pk)):
            message_pk = rows[-1].message_pk
            ended = [row for row in rows if row.finished_at and row.state != JobState.DEAD]
            old = [row.message_pk for row in ended if row.finished_at < oldest]
            count += await self._do_all(self._drop_some, old)
            if all(row.created_at >= oldest for row in rows):
                break  # those that follow are newer still
        return count

    async def _purge_jobs(self, oldest: datetime) -> int:
        count = 0
        while rows := await self._database.rows(_OLD_JOBS, {"oldest": oldest}):
            count += await self._do_all(partial(self._delete_jobs, oldest), rows)
        return count

    @writes
    def _delete_jobs(self, connection: Connection, oldest: datetime, rows: Sequence[Any]) -> int:
        """Delete jobs for a moment, with all that belongs to them. Return how many were looked at.

        One that runs again meanwhile is left alone.
        """

        def delete_one(row: Any) -> None:
            key = {"of_job": row.job_id, "of_message": row.message_pk, "oldest": oldest}
            if connection.execute(_IS_STILL_OLD, key).first():
                self._recordings.drop(connection, [row.message_pk])
                for statement in _DELETE_JOB:
                    connection.execute(statement, key)

        return self._do_some(delete_one, rows)

    async def _delete(self, key: Column[Any], found: Select[Any]) -> int:
        """Delete the rows whose `key` the query `found` returns. It runs without the write lock."""
        count = 0
        while rows := await self._database.rows(found.limit(_PAGE)):
            delete_some = partial(self._delete_some, key)
            count += await self._do_all(delete_some, [row[0] for row in rows])
        return count

    async def _do_all(
        self, do_some: Callable[[Sequence[Any]], Awaitable[int]], rows: Sequence[Any]
    ) -> int:
        done = 0
        while done < len(rows):
            done += await do_some(rows[done:])
        return done

    @writes
    def _drop_some(self, connection: Connection, message_pks: Sequence[int]) -> int:
        """Take the recordings from messages for a moment, and return from how many."""
        return self._do_some(lambda one: self._recordings.drop(connection, [one]), message_pks)

    @writes
    def _delete_some(self, connection: Connection, key: Column[Any], keys: Sequence[Any]) -> int:
        """Delete rows for a moment, and return how many."""
        statement = delete(key.table).where(key == bindparam("of_row"))
        return self._do_some(lambda one: connection.execute(statement, {"of_row": one}), keys)

    def _do_some(self, do: Callable[[Any], object], rows: Sequence[Any]) -> int:
        """Do something with one row after the other while the slice lasts. Return how many."""
        until_s = self._database.clock.monotonic() + SLICE_S
        for count, row in enumerate(rows, 1):
            do(row)
            if self._database.clock.monotonic() >= until_s:
                return count
        return len(rows)
