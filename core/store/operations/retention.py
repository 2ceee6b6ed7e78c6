"""Retention: remembered talk is deleted after its chat's days, all else after thirty."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Select, Table, delete, exists, select

from core.models import JobState, TalkSettings
from core.store.database.queries import Database
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
#: Rows deleted in one transaction, few of large ones: nobody waits for the lock longer than 50 ms.
_MANY, _FEW = 100, 4

#: Dead letters stay until the operator runs them again.
_IS_OVER = jobs.c.state.in_((JobState.DONE, JobState.REFUSED, JobState.CANCELLED))


class Retention:
    """Deletes what has expired."""

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._recordings = recordings

    async def purge(self, now: datetime) -> int:
        """Delete what has expired at `now`, in small transactions. Return the number of rows.

        What an open job or a dead letter needs is never deleted.
        """
        count = await self._purge_talk(now)
        count += await self._purge_blobs(now - BLOBS_KEPT)
        count += await self._purge_forms(now - FORMS_KEPT)
        count += await self._purge_jobs(now - KEPT_FOR)
        await self._recordings.sweep()
        async with self._database.write() as connection:
            count += await drop_codes(connection, now)
        for table, batch in ((transcripts, _MANY), (answers, _MANY), (sounds, _FEW)):
            is_old = select(table.c.key).where(table.c.created_at < now - KEPT_FOR)
            count += await self._delete(table.c.key, is_old, batch)
        return count

    async def _purge_talk(self, now: datetime) -> int:
        talking = select(remembered.c.chat_pk).distinct()
        query = select(chats.c.chat_pk, chats.c.talk).where(chats.c.chat_pk.in_(talking))
        count = 0
        for chat_pk, talk in await self._database.rows(query):
            days = (talk or TalkSettings()).remember_days
            oldest = now - (timedelta(days=days) if days else FORWARDS_KEPT)
            is_old = (remembered.c.chat_pk == chat_pk) & (remembered.c.sent_at < oldest)
            key = remembered.c.remembered_pk
            count += await self._delete(key, select(key).where(is_old), _MANY)
        return count

    async def _purge_blobs(self, oldest: datetime) -> int:
        is_old = _IS_OVER & (jobs.c.finished_at < oldest)
        query = select(blobs.c.message_pk).join(jobs, jobs.c.message_pk == blobs.c.message_pk)
        return await self._delete(blobs.c.message_pk, query.where(is_old), _MANY)

    async def _purge_forms(self, oldest: datetime) -> int:
        key, has_job = messages.c.message_pk, jobs.c.message_pk == messages.c.message_pk
        is_old = select(key).where(messages.c.received_at < oldest, ~exists().where(has_job))
        return await self._delete(key, is_old, _MANY)

    async def _purge_jobs(self, oldest: datetime) -> int:
        query = select(jobs.c.job_id, jobs.c.message_pk).where(_IS_OVER)
        query = query.where(jobs.c.finished_at < oldest).limit(_FEW)
        count = 0
        while rows := await self._database.rows(query):
            pairs = [row.job_id for row in rows], [row.message_pk for row in rows]
            if not await self._delete_jobs(*pairs):
                break
            count += len(rows)
        return count

    async def _delete_jobs(self, job_ids: Sequence[str], message_pks: Sequence[int]) -> bool:
        async with self._database.write() as connection:
            still = select(jobs.c.job_id).where(jobs.c.job_id.in_(job_ids), _IS_OVER)
            if len((await connection.execute(still)).all()) < len(job_ids):
                return False  # one of them runs again: the next purge deletes the others
            for column in (deliveries.c.job_id, buttons.c.job_id, jobs.c.job_id):
                await connection.execute(delete(column.table).where(column.in_(job_ids)))
            for column in (blobs.c.message_pk, messages.c.message_pk):
                await connection.execute(delete(column.table).where(column.in_(message_pks)))
        return True

    async def _delete(self, key: Column[Any], found: Select[Any], batch: int) -> int:
        """Delete the rows whose `key` the query `found` returns. It runs without the write lock."""
        keys = [row[0] for row in await self._database.rows(found)]
        table: Table = key.table
        for start in range(0, len(keys), batch):
            async with self._database.write() as connection:
                is_it = key.in_(keys[start : start + batch])
                await connection.execute(delete(table).where(is_it))
        return len(keys)
