"""What operators do: the switch that pauses all work, and messages to all chats."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from core.admission import Verdict
from core.models import PAGE, Chat, JobState, Message
from core.store.audit import note_action
from core.store.database.encryption import UtcDateTime
from core.store.database.operator_tables import PAUSED, switches
from core.store.database.queries import (
    IS_OPEN,
    Database,
    adds_jobs,
    read_job,
    reads,
    select_jobs,
    writes,
)
from core.store.database.tables import chats, jobs
from core.store.work.admissions import Admissions
from core.store.work.job_rows import add_own
from core.store.work.turns import OF_OPERATORS

#: Chats in which nothing was asked for so long get no broadcast.
ACTIVE_FOR = timedelta(days=30)
#: Interval between two messages of a broadcast: others are served meanwhile.
_PACE = timedelta(seconds=0.1)
#: States of jobs that somebody got a reply of.
_ANSWERED = (JobState.DONE, JobState.REFUSED, JobState.DEAD)
_COMMAND = "broadcast"


_TURN = insert(switches)
_TURN_ON = _TURN.on_conflict_do_update(
    index_elements=[switches.c.name],
    set_={name: _TURN.excluded[name] for name in ("changed_at", "text")},
)


def _select_active() -> Select[Any]:
    is_recent = jobs.c.created_at >= bindparam("since_at", type_=UtcDateTime())
    # Those of operators do not make a chat active.
    is_answered = jobs.c.state.in_(_ANSWERED) & jobs.c.command.not_in(OF_OPERATORS)
    is_here = jobs.c.chat_pk == chats.c.chat_pk
    return (
        select(
            *(chats.c.chat_pk, chats.c.platform, chats.c.bot_id, chats.c.address),
            *(chats.c.subject, chats.c.parent),
        )
        # Nobody is written to on the page.
        .where(chats.c.platform != PAGE, chats.c.gone_at.is_(None))
        .where(select(jobs.c.seq).where(is_here, is_recent, is_answered).exists())
        .order_by(chats.c.chat_pk)
    )


_ACTIVE = _select_active()


class Controls:
    """Queries about what operators do."""

    def __init__(self, database: Database, admissions: Admissions) -> None:
        self._database = database
        self._admissions = admissions
        #: Set while no new work is begun.
        self.paused = database.paused
        #: Since when, and what people are told, empty for the usual words.
        self.paused_at: datetime | None = None
        self.text = ""

    async def load(self) -> None:
        """Read the switch, which another process may have changed."""
        found = await self._database.rows(select(switches).where(switches.c.name == PAUSED))
        was_on = self.paused.is_set()
        self.paused_at, self.text = (
            (found[0].changed_at, found[0].text or "") if found else (None, "")
        )
        if found:
            self.paused.set()
        else:
            self.paused.clear()
        if was_on and not found:
            self._database.on_job()

    async def pause(self, operator: str, *, is_on: bool, text: str = "") -> None:
        """Begin no new work, or begin it again. Safe to repeat, also with other words.

        text: what people are told, empty for the usual words in their language.
        """
        await self._switch(operator, is_on, text)
        await self.load()
        self._database.on_job()

    @writes
    def _switch(self, connection: Connection, operator: str, is_on: bool, text: str) -> None:
        now = self._database.now()
        note_action(connection, now, operator, "pause" if is_on else "resume")
        if is_on:
            row = {"name": PAUSED, "changed_at": now, "text": text or None}
            connection.execute(_TURN_ON, row)
        else:
            connection.execute(delete(switches).where(switches.c.name == PAUSED))

    @reads
    def find_told(self, connection: Connection) -> set[Chat]:
        """Return the chats in which something came in since the pause, and was said to wait."""
        is_told = IS_OPEN & jobs.c.is_told & jobs.c.reply.is_(None)
        is_new = jobs.c.created_at >= (self.paused_at or self._database.now())
        rows = connection.execute(select_jobs().where(is_told, is_new))
        return {read_job(row, self._database.now()).message.chat for row in rows}

    @reads
    def count_active(self, connection: Connection) -> int:
        """Return how many chats a broadcast reaches."""
        return len(self._prepare(connection))

    @adds_jobs
    def broadcast(self, connection: Connection, operator: str, key: str, text: str) -> int:
        """Add a job per chat that it reaches, which sends `text` there, and return how many.

        key: the same for a repeat, which adds none.
        """
        now = self._database.now()
        added = 0
        for number, (chat_pk, message) in enumerate(self._prepare(connection, key, text).items()):
            added += add_own(connection, chat_pk, message, now, now + number * _PACE)
        if added:
            note_action(connection, now, operator, "broadcast", f"{added} chats")
        return added

    def _prepare(self, connection: Connection, key: str = "", text: str = "") -> dict[int, Message]:
        """Return the messages of a broadcast: to active chats where the bot may be used."""
        now = self._database.now()
        messages = {
            row.chat_pk: Message(
                Chat(row.platform, row.bot_id, row.address),
                f"broadcast:{key}",
                now,
                is_private=False,
                text=text,
                command=_COMMAND,
                parent_id=row.parent or "",
                subject=row.subject or "",
            )
            for row in connection.execute(_ACTIVE, {"since_at": now - ACTIVE_FOR})
        }
        judge = self._admissions.rules.judge
        return {
            chat_pk: message
            for chat_pk, message in messages.items()
            if message.chat.is_reachable and judge(message) is not Verdict.CLOSED
        }
