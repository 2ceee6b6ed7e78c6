"""Digests that come by themselves: kept, and turned into jobs when they are due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import Chat, DigestSchedule, Message
from core.models.schedules import LATE_AFTER, LONGEST_GAP, next_at
from core.store.database.connection import Database
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import chat_row, insert_new, is_chat
from core.store.database.tables import chats, schedules
from core.store.work.intake import add_own

COMMAND = "digest_due"
#: What the first digest of a schedule tells of.
_FIRST = timedelta(days=1)
#: What was sent so shortly before may not have come in yet: the next digest tells of it.
_ON_ITS_WAY = timedelta(seconds=5)
_LATE, _TOPIC = "late", "topic"


@dataclass(frozen=True, slots=True)
class DigestPeriod:
    """What a digest tells of."""

    since_at: datetime
    until_at: datetime
    is_late: bool = False
    #: True where it tells of the topic alone that it comes to.
    is_topic: bool = False

    def write(self) -> str:
        """Return the text of its job."""
        words = [self.since_at.isoformat(), self.until_at.isoformat()]
        return " ".join(words + [_LATE] * self.is_late + [_TOPIC] * self.is_topic)


def parse_period(text: str) -> DigestPeriod:
    """Return what the text of a digest's job says."""
    since_at, until_at, *rest = text.split()
    since, until = datetime.fromisoformat(since_at), datetime.fromisoformat(until_at)
    return DigestPeriod(since, until, _LATE in rest, _TOPIC in rest)


def _select_due() -> Select[Any]:
    moment = bindparam("moment", type_=UtcDateTime())
    # Further off than any digest can be: the clock was ahead when this was written.
    too_far = bindparam("too_far", type_=UtcDateTime())
    is_due = (schedules.c.next_at <= moment) | (schedules.c.next_at > too_far)
    return (
        select(schedules, chats.c.platform, chats.c.bot_id, chats.c.chat_id)
        .join(chats)
        .where(is_due, chats.c.gone_at.is_(None))
        .order_by(schedules.c.next_at)
        .limit(1)
        .with_for_update(skip_locked=True, of=schedules)
    )


_DUE = _select_due()
_FIRST_DUE = (select(func.min(schedules.c.next_at)).select_from(schedules).join(chats)).where(
    chats.c.gone_at.is_(None)
)


class Schedules:
    """Every query about digests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, schedule: DigestSchedule) -> None:
        """Keep a schedule in place of the one that tells of the same. Safe to repeat."""
        async with self._database.write() as connection:
            row = await chat_row(connection, schedule.chat)
            for other in await _read(connection, schedule.chat):
                if _scope(other) == _scope(schedule) and other.schedule_id != schedule.schedule_id:
                    await _delete(connection, other)
            values = {"next_at": schedule.next_at, "content": schedule, "chat_pk": row.chat_pk}
            key = {"schedule_id": schedule.schedule_id}
            await connection.execute(insert_new(connection, schedules), key | values)

    async def find(self, chat: Chat) -> list[DigestSchedule]:
        """Return the schedules of a chat, the one that is due first before the others."""
        async with self._database.read() as connection:
            return await _read(connection, chat)

    async def remove(self, schedule: DigestSchedule) -> None:
        """Drop a schedule. Safe to repeat."""
        async with self._database.write() as connection:
            await _delete(connection, schedule)

    async def next_due_at(self) -> datetime | None:
        """Return when the next digest of any chat is due, None if there is none."""
        async with self._database.read() as connection:
            moment: datetime | None = (await connection.execute(_FIRST_DUE)).scalar()
        return moment

    async def fire_due(self, moment: datetime) -> int:
        """Add a job for each digest that is due at `moment`, and return how many were added.

        However many were missed, one comes. The job and when the next is due are one commit, and
        a job's message names the moment it was due: so none comes twice, whoever asks and
        whatever the clock does.
        """
        async with self._database.read() as connection:
            # Most often there is none: the one writer is not kept busy for that.
            if (await connection.execute(_DUE, _limits(moment))).one_or_none() is None:
                return 0
        fired = 0
        while (is_new := await self._fire_one(moment)) is not None:
            fired += is_new
        return fired

    async def _fire_one(self, moment: datetime) -> bool | None:
        """Return whether a job was added, None if nothing was due."""
        async with self._database.write() as connection:
            row = (await connection.execute(_DUE, _limits(moment))).one_or_none()
            if row is None:
                return None
            chat = Chat(row.platform, row.bot_id, row.chat_id)
            schedule: DigestSchedule = replace(row.content, chat=chat, next_at=row.next_at)
            is_due = schedule.next_at <= moment
            is_new = is_due and await _add(connection, row.chat_pk, schedule, moment)
            last_at = moment - _ON_ITS_WAY if is_new else schedule.last_at
            after = replace(schedule, next_at=next_at(schedule, moment), last_at=last_at)
            is_it = schedules.c.schedule_id == row.schedule_id
            change = update(schedules).where(is_it)
            await connection.execute(change.values(next_at=after.next_at, content=after))
            return is_new


def _limits(moment: datetime) -> dict[str, datetime]:
    return {"moment": moment, "too_far": moment + LONGEST_GAP}


async def _add(
    connection: AsyncConnection, chat_pk: int, schedule: DigestSchedule, moment: datetime
) -> bool:
    """Add the job of a digest; return False where it came already."""
    due_at = schedule.next_at
    last_at = schedule.last_at
    # A last one that is yet to come was told of while the clock was ahead.
    since_at = last_at if last_at and last_at < moment else min(due_at, moment) - _FIRST
    until_at, is_late = moment - _ON_ITS_WAY, moment - due_at > LATE_AFTER
    due = DigestPeriod(since_at, until_at, is_late, schedule.is_topic)
    message = Message(
        chat=schedule.chat,
        message_id=f"digest:{schedule.schedule_id}:{due_at.isoformat()}",
        sent_at=due_at,
        thread_id=schedule.thread_id,
        is_private=False,
        language=schedule.language,
        text=due.write(),
        command=COMMAND,
    )
    return await add_own(connection, chat_pk, message)


async def _read(connection: AsyncConnection, chat: Chat) -> list[DigestSchedule]:
    query = select(schedules).join(chats).where(is_chat(chat)).order_by(schedules.c.next_at)
    return [
        replace(row.content, chat=chat, next_at=row.next_at)
        for row in await connection.execute(query)
    ]


async def _delete(connection: AsyncConnection, schedule: DigestSchedule) -> None:
    is_it = schedules.c.schedule_id == schedule.schedule_id
    await connection.execute(delete(schedules).where(is_it))


def _scope(schedule: DigestSchedule) -> tuple[bool, str | None]:
    return schedule.is_topic, schedule.thread_id if schedule.is_topic else None
