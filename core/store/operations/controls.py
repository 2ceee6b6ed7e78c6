"""What operators do: the switch that pauses all work, and messages to all chats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from core.models import PAGE, Chat, JobState, Message
from core.store.audit import note_action
from core.store.database.operator_tables import switches
from core.store.database.queries import Database, adds_jobs, insert_new, reads, writes
from core.store.database.tables import chats, jobs
from core.store.work.job_rows import add_own
from core.store.work.turns import OF_OPERATORS

#: Chats in which nothing was asked for so long get no broadcast.
ACTIVE_FOR = timedelta(days=30)
#: Interval between two messages of a broadcast: others are served meanwhile.
_PACE = timedelta(seconds=0.1)
#: States of jobs that somebody got a reply of.
_ANSWERED = (JobState.DONE, JobState.REFUSED, JobState.DEAD)
_PAUSED = "paused"
_COMMAND = "broadcast"


class Controls:
    """Queries about what operators do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def is_paused(self) -> bool:
        """Whether no new work is begun."""
        return self._database.is_paused

    async def load(self) -> None:
        """Read the switch. Called once, before anything runs."""
        found = await self._database.rows(select(switches).where(switches.c.name == _PAUSED))
        self._database.is_paused = bool(found)

    async def pause(self, operator: str, *, is_on: bool) -> None:
        """Begin no new work, or begin it again. Safe to repeat."""
        await self._switch(operator, is_on)
        self._database.is_paused = is_on
        self._database.on_job()

    @writes
    def _switch(self, connection: Connection, operator: str, is_on: bool) -> None:
        now = self._database.now()
        note_action(connection, now, operator, "pause" if is_on else "resume")
        if is_on:
            row = {"name": _PAUSED, "changed_at": now}
            connection.execute(insert_new(switches), row)
        else:
            connection.execute(delete(switches).where(switches.c.name == _PAUSED))

    @reads
    def count_active(self, connection: Connection) -> int:
        """Return how many chats a broadcast reaches."""
        return len(_list_active(connection, self._database.now() - ACTIVE_FOR))

    @adds_jobs
    def broadcast(self, connection: Connection, operator: str, key: str, text: str) -> int:
        """Add a job per active chat that sends `text` there, and return how many.

        key: the same for a repeat, which adds none.
        """
        now = self._database.now()
        added = 0
        for number, row in enumerate(_list_active(connection, now - ACTIVE_FOR)):
            chat = Chat(row.platform, row.bot_id, row.address)
            message = Message(
                chat, f"broadcast:{key}", now, is_private=False, text=text, command=_COMMAND
            )
            run_at = now + number * _PACE
            added += add_own(connection, row.chat_pk, message, now, run_at)
        if added:
            note_action(connection, now, operator, "broadcast", f"{added} chats")
        return added


def _list_active(connection: Connection, since_at: datetime) -> list[Any]:
    is_here = (jobs.c.chat_pk == chats.c.chat_pk) & (jobs.c.created_at >= since_at)
    # Those of operators do not make a chat active.
    is_answered = jobs.c.state.in_(_ANSWERED) & jobs.c.command.not_in(OF_OPERATORS)
    query = (
        select(chats.c.chat_pk, chats.c.platform, chats.c.bot_id, chats.c.address)
        # Nobody is written to on the page.
        .where(chats.c.platform != PAGE, chats.c.gone_at.is_(None))
        .where(select(jobs.c.seq).where(is_here, is_answered).exists())
        .order_by(chats.c.chat_pk)
    )
    rows = connection.execute(query)
    return [row for row in rows if Chat(row.platform, row.bot_id, row.address).is_reachable]
