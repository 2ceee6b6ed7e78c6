"""Who is new in a chat that keeps a history, and has not been told so."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update

from core.models import Message, TalkSettings
from core.store.database.queries import insert_new
from core.store.database.tables import newcomers, readers

#: Who joined so recently is told of a history whose beginning is not known.
_RECENTLY = timedelta(days=30)


def note_sender(
    connection: Connection, chat_pk: int, message: Message, talk: TalkSettings, now: datetime
) -> None:
    """Let the sender be told who joined after the history was announced."""
    joined_at = message.sender_joined_at
    if joined_at and joined_at > (talk.remembered_since_at or now - _RECENTLY):
        add_newcomer(connection, chat_pk, message.sender_id, message.language, now)


def add_newcomer(
    connection: Connection, chat_pk: int, person_id: str, language: str, now: datetime
) -> None:
    """Let a person be told, unless they were, or are going to be."""
    values = {"chat_pk": chat_pk, "person_id": person_id, "language": language, "joined_at": now}
    connection.execute(insert_new(newcomers), values)


def move_people(connection: Connection, old_pk: int, new_pk: int) -> None:
    """Move what is noted of people in a chat to its new row; what that has of them stays."""
    for table in (readers, newcomers):
        again = select(table.c.person_id).where(table.c.chat_pk == new_pk)
        is_old = table.c.chat_pk == old_pk
        connection.execute(delete(table).where(is_old, table.c.person_id.in_(again)))
        connection.execute(update(table).where(is_old).values(chat_pk=new_pk))
