"""Taking messages in: one commit for the message, its job and its sound."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import Chat, ChatSettings, Job, JobState, Message
from core.store.database.connection import Database
from core.store.database.queries import chat_row, insert_new, is_chat, now, read_settings
from core.store.database.tables import blobs, chats, jobs, messages
from core.store.work.message_context import find_quoted, keep_talk, press_button

#: Names the command that answers a message in a chat with these settings, None for no answer.
Choose = Callable[[Message, ChatSettings], str | None]
#: Built once, and given its values when it runs: values built in cost more than the insertion.
_NEW_JOB = jobs.insert()


class Intake:
    """What happens before a platform is told "received"."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, message: Message, choose: Choose, data: bytes | None = None) -> Job | None:
        """Keep `message` and the job it asks for, in one commit.

        data: the sound itself where the platform does not keep it.
        Returns None if the message is known already or asks for nothing.
        """
        async with self._database.write() as connection:
            chat = await chat_row(connection, message.chat)
            if message.button:
                message = await press_button(connection, chat, message)
            else:
                message = await find_quoted(connection, chat.chat_pk, message)
            settings = read_settings(chat)
            command = choose(message, await keep_talk(connection, chat, message, settings))
            if command is None or await _is_known_edit(connection, chat.chat_pk, message):
                return None
            message_pk = await add_message(connection, chat.chat_pk, message)
            if message_pk is None:
                return None
            if chat.gone_at is not None:
                restore_links = update(chats).where(chats.c.chat_pk == chat.chat_pk)
                await connection.execute(restore_links.values(gone_at=None))
            if data is not None:
                values = {"message_pk": message_pk, "content": data}
                await connection.execute(blobs.insert(), values)
            job = await add_job(connection, (message_pk, chat.chat_pk), message, command)
            return replace(job, settings=settings)

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the sound that came with a message, None if it is no longer kept."""
        query = (
            select(blobs.c.content)
            .join(messages, messages.c.message_pk == blobs.c.message_pk)
            .join(chats, chats.c.chat_pk == messages.c.chat_pk)
            .where(is_chat(chat), messages.c.message_id == message_id)
        )
        async with self._database.read() as connection:
            content: bytes | None = (await connection.execute(query)).scalar()
        return content


async def _is_known_edit(connection: AsyncConnection, chat_pk: int, message: Message) -> bool:
    """Tell whether an edit asks for nothing that an earlier form of the message did not."""
    if not message.edit_id:
        return False
    query = select(messages.c.content).where(
        messages.c.chat_pk == chat_pk, messages.c.message_id == message.message_id
    )
    asks = message.command, message.text if message.command else "", message.attachment
    found = (await connection.execute(query)).scalars().all()
    earlier = [content for content in found if content is not None]
    return any((e.command, e.text if e.command else "", e.attachment) == asks for e in earlier)


async def add_message(connection: AsyncConnection, chat_pk: int, message: Message) -> int | None:
    """Keep a message and return its key, None if it is known already."""
    values = {
        "chat_pk": chat_pk,
        "message_id": message.message_id,
        "edit_id": message.edit_id,
        "received_at": now(connection),
        "content": message,
    }
    statement = insert_new(connection, messages).returning(messages.c.message_pk)
    result = await connection.execute(statement, values)
    key: int | None = result.scalar()
    return key


async def add_own(connection: AsyncConnection, chat_pk: int, message: Message) -> bool:
    """Keep what the program itself asks for in a chat, with its job; False if it did before."""
    message_pk = await add_message(connection, chat_pk, message)
    if message_pk is None:
        return False
    await add_job(connection, (message_pk, chat_pk), message, message.command)
    return True


async def add_job(
    connection: AsyncConnection, keys: tuple[int, int], message: Message, command: str
) -> Job:
    """Keep a job; keys: those of its message and of the chat that it answers."""
    moment = now(connection)
    job = Job(
        job_id=secrets.token_hex(5),
        message=message,
        command=command,
        state=JobState.WAITING,
        attempts=0,
        created_at=moment,
        run_at=moment,
    )
    values: dict[str, Any] = {
        "job_id": job.job_id,
        "message_pk": keys[0],
        "chat_pk": keys[1],
        "command": command,
        "state": job.state,
        "attempts": 0,
        "crashes": 0,
        "created_at": moment,
        "run_at": moment,
        "error": "",
        "outcome": JobState.DONE,
    }
    await connection.execute(_NEW_JOB, values)
    return job
