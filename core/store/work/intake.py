"""Intake of messages: one commit for the message, its job and its recording."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import Chat, ChatSettings, Job, JobState, Message, QuotedMessage
from core.store.database.queries import Database, chat_row, insert_new, is_chat, read_settings
from core.store.database.tables import blobs, buttons, chats, deliveries, jobs, messages
from core.store.talk.memory import drop, is_opted_out, remember

#: Returns the command that answers a message in a chat with these settings, None for no reply.
Choose = Callable[[Message, ChatSettings], str | None]
# Built once and given its values when it runs: building them in costs more than the insertion.
_NEW_JOB = jobs.insert()
_NEW_MESSAGE = insert_new(messages).returning(messages.c.message_pk)
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
#: How long a button that opens a private chat can be pressed.
_PRIVATE_AGE = timedelta(hours=1)


class Intake:
    """What is committed before a platform is told that a message was received."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, message: Message, choose: Choose, data: bytes | None = None) -> Job | None:
        """Save `message` and the job it asks for, in one commit.

        data: the recording itself, where the platform does not keep it.
        Returns None if the message is known already or asks for nothing.
        """
        async with self._database.write() as connection:
            now = self._database.now()
            chat = await chat_row(connection, message.chat)
            if message.button:
                message = await _press_button(connection, chat, message, now)
            elif message.reply_to:
                quoted = await _find_quoted(connection, chat.chat_pk, message.reply_to)
                message = replace(message, reply_to=quoted)
            settings = read_settings(chat)
            chosen = await _remember(connection, chat, message, settings, now)
            command, key = choose(message, chosen), chat.chat_pk
            if command is None or (message.edit_id and await _is_known(connection, key, message)):
                return None
            added = await _add_job(connection, key, message, command, now)
            if added is None:
                return None
            if chat.gone_at is not None:
                restored = update(chats).where(chats.c.chat_pk == key)
                await connection.execute(restored.values(gone_at=None))
            if data is not None:
                await connection.execute(blobs.insert(), {"message_pk": added[0], "content": data})
        return Job(added[1], message, command, JobState.WAITING, 0, now, now, settings)

    async def add_own(self, message: Message) -> bool:
        """Save a message that the program sends to itself, with its job, in one commit.

        Returns False if it is known already.
        """
        async with self._database.write() as connection:
            row = await chat_row(connection, message.chat)
            return await add_own(connection, row.chat_pk, message, self._database.now())

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the recording that came with a message, None if it is no longer kept."""
        query = (
            select(blobs.c.content)
            .join(messages, messages.c.message_pk == blobs.c.message_pk)
            .join(chats, chats.c.chat_pk == messages.c.chat_pk)
            .where(is_chat(chat), messages.c.message_id == message_id)
        )
        return await self._database.scalar(query)


async def _press_button(
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


async def _find_quoted(
    connection: AsyncConnection, chat_pk: int, quoted: QuotedMessage
) -> QuotedMessage:
    """Return the quoted message with its job and command, if it is a reply of ours."""
    key = {"of_message": quoted.message_id, "of_chat": chat_pk}
    row = (await connection.execute(_QUOTED, key)).one_or_none()
    return replace(quoted, job_id=row.job_id, command=row.command) if row else quoted


async def _remember(
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


async def _is_known(connection: AsyncConnection, chat_pk: int, message: Message) -> bool:
    """Return whether an edit asks for nothing that an earlier version did not ask for."""
    query = select(messages.c.content).where(
        messages.c.chat_pk == chat_pk, messages.c.message_id == message.message_id
    )
    asks = message.command, message.text if message.command else "", message.attachment
    found = (await connection.execute(query)).scalars().all()
    earlier = [content for content in found if content is not None]
    return any((e.command, e.text if e.command else "", e.attachment) == asks for e in earlier)


async def add_own(
    connection: AsyncConnection, chat_pk: int, message: Message, now: datetime
) -> bool:
    """Save a message that the program sends to itself in a chat, with its job.

    Returns False if it is known already.
    """
    return await _add_job(connection, chat_pk, message, message.command, now) is not None


async def _add_job(
    connection: AsyncConnection, chat_pk: int, message: Message, command: str, now: datetime
) -> tuple[int, str] | None:
    """Save a message and its job. Return its key and the job's id, None if it is known already."""
    row = {"chat_pk": chat_pk, "message_id": message.message_id, "edit_id": message.edit_id}
    found = await connection.execute(_NEW_MESSAGE, {**row, "received_at": now, "content": message})
    message_pk: int | None = found.scalar()
    if message_pk is None:
        return None
    job_id = secrets.token_hex(5)
    values: dict[str, Any] = {
        "job_id": job_id,
        "message_pk": message_pk,
        "chat_pk": chat_pk,
        "command": command,
        "state": JobState.WAITING,
        "attempts": 0,
        "crashes": 0,
        "created_at": now,
        "run_at": now,
        "error": "",
        "outcome": JobState.DONE,
    }
    await connection.execute(_NEW_JOB, values)
    return message_pk, job_id
