"""Scheduled digests: they become jobs when they are due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from core.models import Chat, DigestSchedule, Message
from core.models.schedules import LATE_AFTER, LONGEST_GAP, next_at
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import (
    Database,
    adds_jobs,
    chat_row,
    insert_new,
    is_chat,
    writes,
)
from core.store.database.tables import chats, schedules
from core.store.work.job_rows import add_own

COMMAND = "digest_due"
#: The period of the first digest of a schedule.
_FIRST = timedelta(days=1)
#: The newest messages may not have been received yet: they belong to the next digest.
_LAG = timedelta(seconds=5)
_LATE, _TOPIC = "late", "topic"


@dataclass(frozen=True, slots=True)
class DigestPeriod:
    """The period and scope of a digest."""

    since_at: datetime
    until_at: datetime
    is_late: bool = False
    #: True if it covers only the topic it is sent to.
    is_topic: bool = False

    def format(self) -> str:
        """Return the text of the digest's job."""
        words = [self.since_at.isoformat(), self.until_at.isoformat()]
        return " ".join(words + [_LATE] * self.is_late + [_TOPIC] * self.is_topic)


def parse_period(text: str) -> DigestPeriod:
    """Return the period in the text of a digest's job."""
    since_at, until_at, *rest = text.split()
    since, until = datetime.fromisoformat(since_at), datetime.fromisoformat(until_at)
    return DigestPeriod(since, until, _LATE in rest, _TOPIC in rest)


def _select_due() -> Select[Any]:
    now = bindparam("now", type_=UtcDateTime())
    # Further away than any digest can be: the clock was ahead when this was stored.
    too_far = bindparam("too_far", type_=UtcDateTime())
    is_due = (schedules.c.next_at <= now) | (schedules.c.next_at > too_far)
    return (
        select(
            *(schedules, chats.c.platform, chats.c.bot_id, chats.c.address),
            *(chats.c.subject, chats.c.parent),
        )
        .join(chats)
        .where(is_due, chats.c.gone_at.is_(None))
        .order_by(schedules.c.next_at)
        .limit(1)
    )


_DUE = _select_due()
_TAKE_DUE = _DUE.with_for_update(skip_locked=True, of=schedules)
_FIRST_DUE = (select(func.min(schedules.c.next_at)).select_from(schedules).join(chats)).where(
    chats.c.gone_at.is_(None)
)


class Schedules:
    """Queries about scheduled digests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Called when a schedule was added.
        self.on_add: Callable[[], None] = lambda: None

    async def add(self, schedule: DigestSchedule) -> None:
        """Save a schedule. It replaces one of the same scope. Safe to repeat."""
        await self._add(schedule)
        self.on_add()

    @writes
    def _add(self, connection: Connection, schedule: DigestSchedule) -> None:
        row = chat_row(connection, schedule.chat)
        rows = connection.execute(_select(schedule.chat)).all()
        for other in _read(rows, schedule.chat):
            if _scope(other) == _scope(schedule) and other.schedule_id != schedule.schedule_id:
                _delete(connection, other)
        values = {"next_at": schedule.next_at, "content": schedule, "chat_pk": row.chat_pk}
        key = {"schedule_id": schedule.schedule_id}
        connection.execute(insert_new(schedules), key | values)

    async def find(self, chat: Chat) -> list[DigestSchedule]:
        """Return the schedules of a chat, the one that is due first at the front."""
        return _read(await self._database.rows(_select(chat)), chat)

    @writes
    def remove(self, connection: Connection, schedule: DigestSchedule) -> None:
        """Delete a schedule. Safe to repeat."""
        _delete(connection, schedule)

    async def next_due_at(self) -> datetime | None:
        """Return when the next digest of any chat is due, None if there is none."""
        return await self._database.scalar(_FIRST_DUE)

    async def fire_due(self, now: datetime) -> int:
        """Add a job for each digest that is due at `now`, and return how many were added.

        However many were missed, one is sent. The job and the next due time are one commit, and
        the id of the job's message has the moment it was due: none is sent twice, whichever
        process asks and whatever the clock does.
        """
        # Usually there is none: the only writer is not kept busy for that.
        if not await self._database.rows(_DUE, _limits(now)):
            return 0
        fired = 0
        while (is_new := await self._fire_one(now)) is not None:
            fired += is_new
        return fired

    @adds_jobs
    def _fire_one(self, connection: Connection, now: datetime) -> bool | None:
        """Return whether a job was added, None if nothing was due."""
        row = connection.execute(_TAKE_DUE, _limits(now)).one_or_none()
        if row is None:
            return None
        chat = Chat(row.platform, row.bot_id, row.address)
        schedule: DigestSchedule = replace(row.content, chat=chat, next_at=row.next_at)
        message = _build_message(schedule, now)
        message = replace(message, parent_id=row.parent or "", subject=row.subject or "")
        is_new = schedule.next_at <= now and add_own(
            connection, row.chat_pk, message, self._database.now()
        )
        last_at = now - _LAG if is_new else schedule.last_at
        after = replace(schedule, next_at=next_at(schedule, now), last_at=last_at)
        is_it = schedules.c.schedule_id == row.schedule_id
        change = update(schedules).where(is_it)
        connection.execute(change.values(next_at=after.next_at, content=after))
        return is_new


def _limits(now: datetime) -> dict[str, datetime]:
    return {"now": now, "too_far": now + LONGEST_GAP}


def _build_message(schedule: DigestSchedule, now: datetime) -> Message:
    """Return the message whose job sends the digest that is due."""
    due_at = schedule.next_at
    last_at = schedule.last_at
    # A last one in the future was sent while the clock was ahead.
    since_at = last_at if last_at and last_at < now else min(due_at, now) - _FIRST
    until_at, is_late = now - _LAG, now - due_at > LATE_AFTER
    period = DigestPeriod(since_at, until_at, is_late, schedule.is_topic)
    return Message(
        chat=schedule.chat,
        message_id=f"digest:{schedule.schedule_id}:{due_at.isoformat()}",
        sent_at=due_at,
        thread_id=schedule.thread_id,
        is_private=False,
        language=schedule.language,
        text=period.format(),
        command=COMMAND,
    )


def _select(chat: Chat) -> Select[Any]:
    return select(schedules).join(chats).where(is_chat(chat)).order_by(schedules.c.next_at)


def _read(rows: Sequence[Any], chat: Chat) -> list[DigestSchedule]:
    return [replace(row.content, chat=chat, next_at=row.next_at) for row in rows]


def _delete(connection: Connection, schedule: DigestSchedule) -> None:
    is_it = schedules.c.schedule_id == schedule.schedule_id
    connection.execute(delete(schedules).where(is_it))


def _scope(schedule: DigestSchedule) -> tuple[bool, str | None]:
    return schedule.is_topic, schedule.thread_id if schedule.is_topic else None
