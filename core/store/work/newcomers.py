"""People who joined a chat that keeps a history: they are told so once, many in one note."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from core.models import Chat, Message, TalkSettings
from core.store.database.queries import Database, adds_jobs, chat_row, writes
from core.store.database.tables import chats, newcomers
from core.store.talk.memory import is_opted_out
from core.store.talk.newcomers import add_newcomer
from core.store.work.job_rows import add_own

COMMAND = "newcomers"
#: Who joins within this time after the first one is told in the same note.
GROUPED_FOR = timedelta(seconds=30)
#: Shortest time between two notes in one chat.
INTERVAL = timedelta(hours=1)

_IS_UNTOLD = newcomers.c.told_at.is_(None)
_UNTOLD = (
    select(newcomers.c.chat_pk, func.min(newcomers.c.joined_at).label("joined_at"))
    .where(_IS_UNTOLD)
    .group_by(newcomers.c.chat_pk)
)
_LAST = select(func.max(newcomers.c.told_at)).where(newcomers.c.chat_pk == bindparam("of_chat"))
_HERE = newcomers.c.chat_pk == bindparam("of_chat")


class Newcomers:
    """Queries about newcomers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Called when somebody is to be told.
        self.on_add: Callable[[], None] = lambda: None

    async def add(self, chat: Chat, person_ids: Collection[str], language: str = "") -> None:
        """Note that people joined a chat, if it keeps a history. Safe to repeat."""
        if await self._add(chat, person_ids, language):
            self.on_add()

    @writes
    def _add(
        self, connection: Connection, chat: Chat, person_ids: Collection[str], language: str
    ) -> bool:
        row, now = chat_row(connection, chat), self._database.now()
        if not (row.talk or TalkSettings()).remember_days:
            return False
        here = [one for one in person_ids if not is_opted_out(connection, chat.platform, one)]
        for person_id in here:
            add_newcomer(connection, row.chat_pk, person_id, language, now)
        return bool(here)

    async def next_due_at(self) -> datetime | None:
        """Return when the next note is due, None if nobody is to be told."""
        due = await self._find_due(self._database.now())
        return min(due.values(), default=None)

    async def fire_due(self, now: datetime) -> int:
        """Add a job for each note that is due at `now`, and return how many were added."""
        due = await self._find_due(now)
        added = [await self._fire(key, now) for key, due_at in due.items() if due_at <= now]
        return sum(added)

    async def _find_due(self, now: datetime) -> dict[int, datetime]:
        """Return when the next note of each chat is due."""
        due = {}
        for row in await self._database.rows(_UNTOLD):
            last_at = await self._database.scalar(_LAST, {"of_chat": row.chat_pk})
            due[row.chat_pk] = row.joined_at + GROUPED_FOR
            # A moment in the future was stored while the clock was ahead.
            if last_at and last_at <= now:
                due[row.chat_pk] = max(due[row.chat_pk], last_at + INTERVAL)
        return due

    @adds_jobs
    def _fire(self, connection: Connection, chat_pk: int, now: datetime) -> bool:
        """Add the job of a note. It and who is told by it are one commit, so none is sent twice."""
        of_chat = select(chats).where(chats.c.chat_pk == chat_pk)
        row = connection.execute(of_chat.with_for_update(key_share=True)).one()
        key = {"of_chat": chat_pk}
        untold = select(newcomers.c.language).where(_HERE, _IS_UNTOLD)
        languages = connection.execute(untold.order_by(newcomers.c.joined_at), key).scalars().all()
        if not languages or row.gone_at or not (row.talk or TalkSettings()).remember_days:
            connection.execute(delete(newcomers).where(_HERE, _IS_UNTOLD), key)
            return False
        told = update(newcomers).where(_HERE, _IS_UNTOLD).values(told_at=now)
        connection.execute(told, key)
        message = _build_message(row, row.language or languages[0], now)
        return add_own(connection, chat_pk, message, self._database.now())


def _build_message(row: Any, language: str, now: datetime) -> Message:
    return Message(
        chat=Chat(row.platform, row.bot_id, row.address),
        message_id=f"{COMMAND}:{now.isoformat()}",
        sent_at=now,
        is_private=False,
        language=language,
        command=COMMAND,
        parent_id=row.parent or "",
        subject=row.subject or "",
    )
