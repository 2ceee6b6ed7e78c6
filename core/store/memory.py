"""The talk of groups that wanted it to be remembered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.models import Chat, Message, Remembered, Transcript
from core.store.database import Database
from core.store.rows import chat_row, insert_new, is_chat
from core.store.tables import chats, remembered


class Memory:
    """Every query about remembered talk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget(self, chat: Chat, message_id: str) -> None:
        """Drop one message. Safe to repeat."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            is_it = (remembered.c.chat_pk == row.chat_pk) & (remembered.c.message_id == message_id)
            await connection.execute(delete(remembered).where(is_it))

    async def save_transcript(self, chat: Chat, message_id: str, heard: Transcript) -> None:
        """Keep what the recording of a remembered message says; others are passed over."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            is_it = (remembered.c.chat_pk == row.chat_pk) & (remembered.c.message_id == message_id)
            await connection.execute(update(remembered).where(is_it).values(transcript=heard))

    async def count(self, chat: Chat) -> int:
        """Return how many messages of a chat are kept."""
        query = select(func.count()).select_from(remembered).join(chats).where(is_chat(chat))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar() or 0)


async def remember(connection: AsyncConnection, chat_pk: int, message: Message) -> None:
    """Keep a message in its newest form: an edit takes the place of what it edits."""
    values: dict[str, Any] = {
        "thread_id": message.thread_id,
        "sender_id": message.sender_id,
        "sent_at": message.sent_at,
        "edit_id": message.edit_id,
        "content": Remembered(
            message_id=message.message_id,
            sent_at=message.sent_at,
            sender_id=message.sender_id,
            sender_name=message.forwarded_from or message.sender_name,
            text=message.text,
            thread_id=message.thread_id,
            reply_to=message.reply_to.message_id if message.reply_to else "",
            attachment=message.attachment,
        ),
    }
    statement = insert_new(connection, remembered)
    key = {"chat_pk": chat_pk, "message_id": message.message_id}
    made = await connection.execute(statement.values(**key, **values))
    if not made.rowcount:
        is_it = (remembered.c.chat_pk == chat_pk) & (remembered.c.message_id == message.message_id)
        is_older = remembered.c.edit_id <= message.edit_id
        await connection.execute(update(remembered).where(is_it, is_older).values(**values))
