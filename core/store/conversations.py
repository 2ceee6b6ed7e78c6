"""The chats of one person on a platform where a person has several with us alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, case, func, or_, select

from core.models import Chat, Conversation
from core.store.database.connection import Database
from core.store.database.queries import now, read_job, select_jobs
from core.store.database.tables import chats, jobs, messages

#: More than these nobody looks through.
_LIMIT = 200
#: Between a person's id and what tells their chats apart.
MARK = "-"
#: Where nothing else was said there is no chat: what was there is forgotten.
_LAST_WORD = "forget"
#: Commands that tell nothing of what a chat is about.
_SMALL = ("start", "help", "voice", "style", "replies", "language", "mode", "think", "retry")


class Conversations:
    """Every query about a person's chats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, person: Chat) -> list[Conversation]:
        """Return the chats whose id is that of `person`, or begins with it and a "-".

        The one that was used last comes first; those that are empty are left out.
        """
        async with self._database.read() as connection:
            found = (await connection.execute(_select_begun(person))).all()
            begun = {row.first_seq or row.any_seq: row for row in found}
            query = select_jobs().where(jobs.c.seq.in_(begun))
            moment = now(connection)
            first = {row.seq: read_job(row, moment) for row in await connection.execute(query)}
        return [
            Conversation(first[seq].message.chat, first[seq], row.last_at)
            for seq, row in begun.items()
            if seq in first
        ]


def _select_begun(person: Chat) -> Select[Any]:
    is_theirs = or_(
        chats.c.chat_id == person.chat_id,
        chats.c.chat_id.startswith(f"{person.chat_id}{MARK}", autoescape=True),
    )
    is_small = jobs.c.command.in_(_SMALL)
    return (
        select(
            func.min(case((is_small, None), else_=jobs.c.seq)).label("first_seq"),
            func.min(jobs.c.seq).label("any_seq"),
            func.max(jobs.c.created_at).label("last_at"),
        )
        .join(messages, messages.c.message_pk == jobs.c.message_pk)
        .join(chats, chats.c.chat_pk == jobs.c.chat_pk)
        .where(chats.c.platform == person.platform, chats.c.bot_id == person.bot_id, is_theirs)
        .where(messages.c.content.is_not(None), jobs.c.command != _LAST_WORD)
        .group_by(jobs.c.chat_pk)
        .order_by(func.max(jobs.c.seq).desc())
        .limit(_LIMIT)
    )
