"""Chats: their settings, their watermarks, moves to a new id, and the chats of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, case, delete, func, select, update

from core.models import Chat, ChatSettings, Conversation
from core.store.database.queries import (
    Database,
    build_settings,
    chat_row,
    is_chat,
    is_chat_of,
    read_job,
    read_settings,
    select_jobs,
)
from core.store.database.tables import buttons, chats, jobs, messages, schedules, voices, watermarks
from core.store.talk.memory import move_talk
from core.store.work.progress import move_deliveries

#: Conversations that are listed at most.
_MAX_CONVERSATIONS = 200
#: A chat in which nothing but this was asked has no content left: it is not listed.
_LAST_COMMAND = "forget"
#: Commands that say nothing about what a chat is about.
_MINOR = (
    *("start", "unknown", "help", "voice", "style", "replies", "language", "mode", "think"),
    *("retry", "no_recording"),
)


class Chats:
    """Queries about chats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, chat: Chat) -> ChatSettings:
        """Return the settings of the chat, or the defaults."""
        rows = await self._database.rows(select(chats).where(is_chat(chat)))
        return read_settings(rows[0]) if rows else ChatSettings()

    async def save_settings(self, chat: Chat, settings: ChatSettings) -> None:
        """Save the settings of the chat."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            change = update(chats).where(chats.c.chat_pk == row.chat_pk)
            await connection.execute(change.values(**build_settings(settings)))

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Give a new chat the settings of another one. Safe to repeat."""
        if not await self._database.rows(select(chats.c.chat_pk).where(is_chat(chat))):
            await self.save_settings(chat, replace(await self.settings(like), expects=None))

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember that the chat refuses voice messages."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            change = update(chats).where(chats.c.chat_pk == row.chat_pk)
            await connection.execute(change.values(no_voice_at=self._database.now()))

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return the newest message handled in each chat of a bot: chat id -> message id."""
        query = (
            select(chats.c.chat_id, watermarks.c.message_id)
            .join(watermarks, watermarks.c.chat_pk == chats.c.chat_pk)
            .where(chats.c.platform == platform, chats.c.bot_id == bot_id)
        )
        return {row.chat_id: row.message_id for row in await self._database.rows(query)}

    async def save_watermarks(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        """Save the newest message handled in each chat: chat id -> message id."""
        async with self._database.write() as connection:
            for chat_id, message_id in seen.items():
                row = await chat_row(connection, Chat(platform, bot_id, chat_id))
                is_it = watermarks.c.chat_pk == row.chat_pk
                await connection.execute(delete(watermarks).where(is_it))
                values = {"chat_pk": row.chat_pk, "message_id": message_id}
                await connection.execute(watermarks.insert(), values)

    async def conversations(self, person: Chat) -> list[Conversation]:
        """Return the chats whose id is that of `person`, or begins with it and a "-".

        The most recently used one comes first; empty ones are left out.
        """
        found = await self._database.rows(_select_conversations(person))
        last_at = {row.first_seq or row.any_seq: row.last_at for row in found}
        rows = await self._database.rows(select_jobs().where(jobs.c.seq.in_(last_at)))
        now = self._database.now()
        first = {row.seq: read_job(row, now) for row in rows}
        return [
            Conversation(first[seq].message.chat, first[seq], moment)
            for seq, moment in last_at.items()
            if seq in first
        ]

    async def move(self, old: Chat, new: Chat) -> None:
        """Move everything that belongs to a chat to its new id. Safe to repeat.

        The old row stays for its messages: message ids start over in the new chat, and a clash
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
            gone = update(chats).where(at_old)
            await connection.execute(gone.values(gone_at=self._database.now()))
            await move_talk(connection, before.chat_pk, after.chat_pk)
            await move_deliveries(connection, before.chat_pk)
            for table in (jobs, buttons, voices, schedules):
                change = update(table).where(table.c.chat_pk == before.chat_pk)
                await connection.execute(change.values(chat_pk=after.chat_pk))


def _select_conversations(person: Chat) -> Select[Any]:
    is_minor = jobs.c.command.in_(_MINOR)
    return (
        select(
            func.min(case((is_minor, None), else_=jobs.c.seq)).label("first_seq"),
            func.min(jobs.c.seq).label("any_seq"),
            func.max(jobs.c.created_at).label("last_at"),
        )
        .join(messages, messages.c.message_pk == jobs.c.message_pk)
        .join(chats, chats.c.chat_pk == jobs.c.chat_pk)
        .where(is_chat_of(person), messages.c.content.is_not(None))
        .where(jobs.c.command != _LAST_COMMAND)
        .group_by(jobs.c.chat_pk)
        .order_by(func.max(jobs.c.seq).desc())
        .limit(_MAX_CONVERSATIONS)
    )
