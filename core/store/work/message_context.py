"""What a message is a part of: the button pressed, the answer quoted, the talk of its chat."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import ChatSettings, Message
from core.store.database.queries import now
from core.store.database.tables import buttons, chats, deliveries, jobs
from core.store.talk.memory import drop, is_opted_out, remember

#: How long a button that leads into a private chat can be pressed.
_PRIVATE_AGE = timedelta(hours=1)

# Built once: groups are busy, and most of their messages ask for nothing.
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


async def press_button(connection: AsyncConnection, chat: Any, message: Message) -> Message:
    """Fill in what the pressed button does; one of another chat or person does nothing."""
    row = (await connection.execute(_BUTTON, {"of_token": message.button})).one_or_none()
    if row is None or not _may_press(row, chat, message, now(connection)):
        return replace(message, command="stale_button", text="")
    return replace(message, command=row.command, text=row.content)


def _may_press(row: Any, chat: Any, message: Message, moment: datetime) -> bool:
    if row.person_id is None:
        return bool(row.chat_pk == chat.chat_pk)
    is_theirs = message.is_private and row.person_id == message.sender_id
    is_here = (row.platform, row.bot_id) == (chat.platform, chat.bot_id)
    return bool(is_theirs and is_here and moment - row.created_at < _PRIVATE_AGE)


async def find_quoted(connection: AsyncConnection, chat_pk: int, message: Message) -> Message:
    """Note which of our answers the message quotes, if it is one of ours."""
    quoted = message.reply_to
    if quoted is None:
        return message
    key = {"of_message": quoted.message_id, "of_chat": chat_pk}
    row = (await connection.execute(_QUOTED, key)).one_or_none()
    if row is None:
        return message
    return replace(message, reply_to=replace(quoted, job_id=row.job_id, command=row.command))


async def keep_talk(
    connection: AsyncConnection, chat: Any, message: Message, settings: ChatSettings
) -> ChatSettings:
    """Remember the message where its chat wants that; an edit that left the talk takes it out.

    Returns the settings that hold for its sender: who opted out is never written down unasked.
    """
    talk = settings.talk
    if message.is_private:
        concerns = bool(message.forwarded_from)
    else:
        concerns = bool(talk.remember_days or settings.is_auto)
    if not concerns or message.button:
        return settings
    if await is_opted_out(connection, message.chat.platform, message.sender_id):
        return replace(settings, is_auto=False, talk=replace(talk, remember_days=None))
    if not message.is_private and not talk.remember_days:
        return settings
    if not message.command and (message.text or message.attachment):
        await remember(connection, chat.chat_pk, message)
    elif message.edit_id:
        await drop(connection, chat, message.message_id)
    return settings
