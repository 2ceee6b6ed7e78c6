"""Retention: what is older than `core.privacy.periods` says is deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, update

from core.admission import Decision
from core.models import JobState, TalkSettings
from core.privacy.periods import (
    EXPORTS_KEPT,
    FORMS_KEPT,
    FORWARDS_KEPT,
    PERIODS,
    RECORDINGS_KEPT,
    REQUESTS_KEPT,
)
from core.store.budget_keys import drop_moved
from core.store.database.encryption import UtcDateTime
from core.store.database.objects import drop_files
from core.store.database.operator_tables import admissions
from core.store.database.queries import IS_FORM, Database
from core.store.database.schema import uses
from core.store.database.tables import (
    blobs,
    buttons,
    chats,
    deliveries,
    jobs,
    messages,
    metadata,
    remembered,
)
from core.store.operations.disuse import Disuse
from core.store.operations.slices import PAGE, Slices
from core.store.operations.unasked import Unasked
from core.store.people.links import drop_codes
from core.store.recordings import Recordings

_IS_OLD = jobs.c.finished_at < bindparam("oldest", type_=UtcDateTime())
_OLD_JOBS = select(jobs.c.job_id, jobs.c.message_pk).where(_IS_OLD).limit(PAGE)
_IS_STILL_OLD = (
    select(jobs.c.seq).where(jobs.c.job_id == bindparam("of_job"), _IS_OLD).with_for_update()
)
#: `error` notes that it is done: a reply may hold much.
_DROPPED = "files dropped"
#: Written out: with a parameter, SQLite does not use the index of exports.
_IS_EXPORT = jobs.c.command == literal_column("'export'")
_OLD_EXPORTS = select(jobs.c.job_id).where(_IS_EXPORT, _IS_OLD, jobs.c.error != _DROPPED)
_OF_JOB = (deliveries.c.job_id, buttons.c.job_id, uses.c.job_id, jobs.c.job_id)
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
        self._slices = Slices(database)
        self._disuse = Disuse(database)
        self._unasked = Unasked(database, recordings)

    async def purge(self, now: datetime) -> int:
        """Delete what has expired at `now`, in small transactions. Return the number of rows.

        What an open job needs is never deleted; a dead letter can be run again until then. What
        was deleted goes from the WAL, too, also what could not while somebody was reading.
        """
        count = await self._purge_talk(now)
        count += await self._unasked.purge()
        count += await self._purge_blobs(now - RECORDINGS_KEPT)
        is_old = messages.c.received_at < now - FORMS_KEPT
        count += await self._slices.delete(messages, IS_FORM & is_old)
        await self._end_held(now - REQUESTS_KEPT)
        count += await self._purge_exports(now - EXPORTS_KEPT)
        count += await self._purge_jobs(now - REQUESTS_KEPT)
        await self._recordings.sweep()
        count += await self._database.write(lambda one: _drop_codes(one, now))
        count += await self._purge_simple(now)
        count += await self._disuse.purge(now)
        await self._recordings.sweep(is_thorough=True)
        await self._database.scrub()
        return count

    async def _purge_simple(self, now: datetime) -> int:
        """Delete the old rows of tables that need no more than that."""
        count = 0
        for period in PERIODS:
            if not (period.column and period.kept_for):
                continue
            oldest = now - period.kept_for
            for table in map(metadata.tables.__getitem__, period.tables):
                column = table.c[period.column]
                # A day is stored as its date.
                is_moment = isinstance(column.type, UtcDateTime)
                is_old = column < (oldest if is_moment else oldest.date().isoformat())
                count += await self._slices.delete(table, is_old)
        return count

    async def _purge_talk(self, now: datetime) -> int:
        count, chat_pk = 0, 0
        # Chat after chat: a list of them would be made from all messages.
        while rows := await self._database.rows(_NEXT_TALK, {"after_chat": chat_pk}):
            [(chat_pk, talk)] = rows
            days = (talk or TalkSettings()).remember_days
            oldest = now - (timedelta(days=days) if days else FORWARDS_KEPT)
            is_old = (remembered.c.chat_pk == chat_pk) & (remembered.c.sent_at < oldest)
            count += await self._slices.delete(remembered, is_old)
        return count

    async def _purge_blobs(self, oldest: datetime) -> int:
        """Delete the recordings of jobs that are over, in the order in which they came.

        That of a dead letter is needed to run it again.
        """
        count, message_pk = 0, 0
        query = (
            select(blobs.c.message_pk, jobs.c.state, jobs.c.finished_at, jobs.c.created_at)
            .join(jobs, jobs.c.message_pk == blobs.c.message_pk)
            .order_by(blobs.c.message_pk)
            .limit(PAGE)
        )
        while rows := await self._database.rows(query.where(blobs.c.message_pk > message_pk)):
            message_pk = rows[-1].message_pk
            ended = [row for row in rows if row.finished_at and row.state != JobState.DEAD]
            old = [row.message_pk for row in ended if row.finished_at < oldest]
            count += await self._slices.do(self._drop_recording, old)
            if all(row.created_at >= oldest for row in rows):
                break  # those that follow are newer still
        return count

    def _drop_recording(self, connection: Connection, message_pk: int) -> None:
        self._recordings.drop(connection, [message_pk])

    async def _end_held(self, oldest: datetime) -> None:
        """End requests about which no operator has decided, so that they are deleted next."""
        is_asked = (admissions.c.decision == Decision.ASKED) & (admissions.c.changed_at < oldest)
        if not await self._slices.delete(admissions, is_asked):
            return
        is_old = (jobs.c.state == JobState.HELD) & (jobs.c.created_at < oldest)
        values = {"state": JobState.CANCELLED, "finished_at": jobs.c.created_at}
        change = update(jobs).where(is_old).values(values)
        await self._database.write(lambda one: one.execute(change))

    async def _purge_exports(self, oldest: datetime) -> int:
        """Take the archives from the replies to /export."""
        rows = await self._database.rows(_OLD_EXPORTS, {"oldest": oldest})
        return await self._slices.do(_drop_files, [row.job_id for row in rows])

    async def _purge_jobs(self, oldest: datetime) -> int:
        count = 0
        while rows := await self._database.rows(_OLD_JOBS, {"oldest": oldest}):
            count += await self._slices.do(partial(self._delete_job, oldest), rows)
        return count

    def _delete_job(self, oldest: datetime, connection: Connection, row: Any) -> None:
        """Delete a job with all that belongs to it, unless it runs again meanwhile."""
        key = {"of_job": row.job_id, "of_message": row.message_pk, "oldest": oldest}
        if connection.execute(_IS_STILL_OLD, key).first():
            self._recordings.drop(connection, [row.message_pk])
            for statement in _DELETE_JOB:
                connection.execute(statement, key)


def _drop_codes(connection: Connection, now: datetime) -> int:
    drop_moved(connection, now.date())
    return drop_codes(connection, now)


def _drop_files(connection: Connection, job_id: str) -> None:
    """Take the files from a reply, unless its job runs again meanwhile."""
    is_it = (jobs.c.job_id == job_id) & jobs.c.finished_at.is_not(None)
    reply = connection.execute(select(jobs.c.reply).where(is_it).with_for_update()).scalar()
    drop_files(connection, reply)
    values = {"reply": reply and replace(reply, files=()), "error": _DROPPED}
    connection.execute(update(jobs).where(is_it).values(values))
