"""The context of a message: the button pressed, the reply quoted, the memory of its chat."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import ChatSettings, Message, QuotedMessage
from core.store.database.tables import buttons, chats, deliveries, jobs
from core.store.talk.memory import drop, is_opted_out, remember

#: How long a button that opens a private chat can be pressed.
_PRIVATE_AGE = timedelta(hours=1)

# Built once: groups are busy, and most of their messages want no reply.
_BUTTON = (
    select(buttons, chats.c.platform, chats.c.bot_id, jobs.c.created_at)
    .join(chats, chats.c.chat_pk == buttons.c.chat_pk)
    .join(jobs, jobs.c.job_id == buttons.c.job_id)
    .where(buttons.c.token == bindparam("of_token"))
)
_QUOTED = (
    select(jobs.c.job_id, jobs.c.command)
    .join(deliveries, deliveries.c.job_id == jobs.c.job_id)
    .where(
        deliveries.c.platform_id == bindparam("of_message"), jobs.c.chat_pk == bindparam("of_chat")
    )
    .order_by(jobs.c.seq.desc())
    .limit(1)
)


async def press_button(
    connection: AsyncConnection, chat: Any, message: Message, now: datetime
) -> Message:
    """Fill in the command of the pressed button; one of another chat or person does nothing."""
    row = (await connection.execute(_BUTTON, {"of_token": message.button})).one_or_none()
    if row is None or not _may_press(row, chat, message, now):
        return replace(message, command="stale_button", text="")
    return replace(message, command=row.command, text=row.content)


def _may_press(row: Any, chat: Any, message: Message, now: datetime) -> bool:
    if row.person_id is None:
        return bool(row.chat_pk == chat.chat_pk)
    is_theirs = message.is_private and row.person_id == message.sender_id
    is_here = (row.platform, row.bot_id) == (chat.platform, chat.bot_id)
    return bool(is_theirs and is_here and now - row.created_at < _PRIVATE_AGE)


async def find_quoted(
    connection: AsyncConnection, chat_pk: int, quoted: QuotedMessage
) -> QuotedMessage:
    """Return the quoted message with its job and command, if it is a reply of ours."""
    key = {"of_message": quoted.message_id, "of_chat": chat_pk}
    row = (await connection.execute(_QUOTED, key)).one_or_none()
    return replace(quoted, job_id=row.job_id, command=row.command) if row else quoted


async def remember_message(
    connection: AsyncConnection, chat: Any, message: Message, settings: ChatSettings, now: datetime
) -> ChatSettings:
    """Remember the message if its chat wants that. An edit into a command forgets it.

    Returns the settings that hold for its sender: who opted out is never transcribed unasked.
    """
    talk = settings.talk
    may_remember = message.forwarded_from if message.is_private else talk.remember_days
    is_auto = settings.is_auto and not message.is_private
    if message.button or not (may_remember or is_auto):
        return settings
    if await is_opted_out(connection, message.chat.platform, message.sender_id):
        return replace(settings, is_auto=False, talk=replace(talk, remember_days=None))
    if not may_remember:
        return settings
    if not message.command and (message.text or message.attachment):
        await remember(connection, chat.chat_pk, message)
    elif message.edit_id:
        await drop(connection, chat, message.message_id, now)
    return settings
