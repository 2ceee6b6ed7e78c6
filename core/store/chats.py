"""What each chat has chosen, and chats that move."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select, update

from core.models import Chat, ChatSettings
from core.store.database.connection import Database
from core.store.database.queries import build_settings, chat_row, is_chat, now, read_settings
from core.store.database.tables import buttons, chats, jobs, schedules, voices
from core.store.talk.memory import move_talk
from core.store.work.deliveries import move_deliveries


class Chats:
    """Every query about chats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, chat: Chat) -> ChatSettings:
        """Return what the chat has chosen, or the defaults."""
        query = select(chats).where(is_chat(chat))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        return read_settings(row) if row else ChatSettings()

    async def save_settings(self, chat: Chat, settings: ChatSettings) -> None:
        """Keep what the chat has chosen."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            change = update(chats).where(chats.c.chat_pk == row.chat_pk)
            await connection.execute(change.values(**build_settings(settings)))

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Let a chat that is new begin with what another has chosen. Safe to repeat."""
        query = select(chats.c.chat_pk).where(is_chat(chat))
        async with self._database.read() as connection:
            is_new = (await connection.execute(query)).one_or_none() is None
        if is_new:
            await self.save_settings(chat, replace(await self.settings(like), expects=None))

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember that the chat refuses voice messages."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            change = update(chats).where(chats.c.chat_pk == row.chat_pk)
            await connection.execute(change.values(no_voice_at=now(connection)))

    async def move(self, old: Chat, new: Chat) -> None:
        """Carry all that hangs on a chat over to its new id. Safe to repeat.

        The old row stays for its messages: their ids begin anew in the new chat, and a clash
        would make a new message look known.
        """
        async with self._database.write() as connection:
            before = await chat_row(connection, old)
            after = await chat_row(connection, new)
            if before.gone_at is not None:
                return
            at_old, at_new = chats.c.chat_pk == before.chat_pk, chats.c.chat_pk == after.chat_pk
            values = build_settings(read_settings(before))
            await connection.execute(update(chats).where(at_new).values(**values))
            await connection.execute(update(chats).where(at_old).values(gone_at=now(connection)))
            await move_talk(connection, before.chat_pk, after.chat_pk)
            await move_deliveries(connection, before.chat_pk)
            for table in (jobs, buttons, voices, schedules):
                change = update(table).where(table.c.chat_pk == before.chat_pk)
                await connection.execute(change.values(chat_pk=after.chat_pk))
