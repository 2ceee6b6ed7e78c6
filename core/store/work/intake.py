"""Intake of messages: one commit for the message, its job and its recording."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import Chat, ChatSettings, Job, JobState, Message
from core.store.database.connection import Database
from core.store.database.queries import chat_row, insert_new, is_chat, read_settings
from core.store.database.tables import blobs, chats, jobs, messages
from core.store.work.message_context import find_quoted, press_button, remember_message

#: Returns the command that answers a message in a chat with these settings, None for no reply.
Choose = Callable[[Message, ChatSettings], str | None]
#: Built once and given its values when it runs: building them in costs more than the insertion.
_NEW_JOB = jobs.insert()


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
                message = await press_button(connection, chat, message, now)
            elif message.reply_to:
                quoted = await find_quoted(connection, chat.chat_pk, message.reply_to)
                message = replace(message, reply_to=quoted)
            settings = read_settings(chat)
            chosen = await remember_message(connection, chat, message, settings, now)
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
        content: bytes | None = await self._database.scalar(query)
        return content


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
    insert = insert_new(connection, messages).returning(messages.c.message_pk)
    found = await connection.execute(insert, {**row, "received_at": now, "content": message})
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
