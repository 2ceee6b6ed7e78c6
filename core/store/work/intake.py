"""Intake of messages: one commit for the message, its job and its recording."""

from __future__ import annotations

import secrets
from collections.abc import Callable
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
            else:
                message = await find_quoted(connection, chat.chat_pk, message)
            settings = read_settings(chat)
            chosen = await remember_message(connection, chat, message, settings, now)
            command = choose(message, chosen)
            if command is None or await _is_known_edit(connection, chat.chat_pk, message):
                return None
            message_pk = await add_message(connection, chat.chat_pk, message, now)
            if message_pk is None:
                return None
            if chat.gone_at is not None:
                restored = update(chats).where(chats.c.chat_pk == chat.chat_pk)
                await connection.execute(restored.values(gone_at=None))
            if data is not None:
                values = {"message_pk": message_pk, "content": data}
                await connection.execute(blobs.insert(), values)
            job_id = await add_job(connection, (message_pk, chat.chat_pk), command, now)
        return Job(job_id, message, command, JobState.WAITING, 0, now, now, settings)

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


async def _is_known_edit(connection: AsyncConnection, chat_pk: int, message: Message) -> bool:
    """Return whether an edit asks for nothing that an earlier version did not ask for."""
    if not message.edit_id:
        return False
    query = select(messages.c.content).where(
        messages.c.chat_pk == chat_pk, messages.c.message_id == message.message_id
    )
    asks = message.command, message.text if message.command else "", message.attachment
    found = (await connection.execute(query)).scalars().all()
    earlier = [content for content in found if content is not None]
    return any((e.command, e.text if e.command else "", e.attachment) == asks for e in earlier)


async def add_message(
    connection: AsyncConnection, chat_pk: int, message: Message, now: datetime
) -> int | None:
    """Save a message and return its key, None if it is known already."""
    values = {
        "chat_pk": chat_pk,
        "message_id": message.message_id,
        "edit_id": message.edit_id,
        "received_at": now,
        "content": message,
    }
    statement = insert_new(connection, messages).returning(messages.c.message_pk)
    key: int | None = (await connection.execute(statement, values)).scalar()
    return key


async def add_own(
    connection: AsyncConnection, chat_pk: int, message: Message, now: datetime
) -> bool:
    """Save a message that the program sends to itself in a chat, with its job.

    Returns False if it is known already.
    """
    message_pk = await add_message(connection, chat_pk, message, now)
    if message_pk is None:
        return False
    await add_job(connection, (message_pk, chat_pk), message.command, now)
    return True


async def add_job(
    connection: AsyncConnection, keys: tuple[int, int], command: str, now: datetime
) -> str:
    """Save a job and return its id; keys: those of its message and of the chat it replies to."""
    job_id = secrets.token_hex(5)
    values: dict[str, Any] = {
        "job_id": job_id,
        "message_pk": keys[0],
        "chat_pk": keys[1],
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
    return job_id
