"""Edits and presses of buttons that ask for nothing new."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from core.models import Attachment, Message
from core.store.database.dialects import Unindexed
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import IS_OPEN
from core.store.database.tables import jobs, messages

_PRESSES = (
    select(messages.c.content)
    .join(jobs, jobs.c.message_pk == messages.c.message_pk)
    .where(
        (IS_OPEN & (jobs.c.chat_pk == bindparam("of_chat")))
        | (
            (jobs.c.finished_at > bindparam("since", type_=UtcDateTime()))
            & (Unindexed(jobs.c.chat_pk) == bindparam("of_chat"))
        ),
    )
)
#: How long after its answer another press of a button still belongs to the one before.
_PRESS_AGE = timedelta(seconds=3)


def is_known(connection: Connection, chat_pk: int, message: Message, now: datetime) -> bool:
    """Return whether a message asks for nothing new.

    An edit that asks for what an earlier version asked for; a button that its presser has pressed,
    for the same, and that is being answered or just was.
    """
    if message.button:
        key = {"of_chat": chat_pk, "since": now - _PRESS_AGE}
        presses = connection.execute(_PRESSES, key).scalars().all()
        return _asks_by_press(message) in [_asks_by_press(p) for p in presses if p is not None]
    query = select(messages.c.content).where(
        messages.c.chat_pk == chat_pk, messages.c.message_id == message.message_id
    )
    found = connection.execute(query).scalars().all()
    return _asks(message) in [_asks(content) for content in found if content is not None]


def _asks(message: Message) -> tuple[str, str, Attachment | None]:
    """Return what a message asks for."""
    # That of a stored /cancel is what it has cancelled.
    has_text = message.command not in ("", "cancel")
    return message.command, message.text if has_text else "", message.attachment


def _asks_by_press(message: Message) -> tuple[object, ...]:
    """Return what a press asks for. After an edit the same button asks for another text."""
    return message.button, message.sender_id, *_asks(message)
