"""Chats: their settings, their watermarks, moves to a new id, and the chats of one person."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Select, func, select, true, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ColumnElement

from core.admission import DecisionChange
from core.models import Chat, ChatSettings, Conversation
from core.store.budget_keys import move_budget
from core.store.database.queries import (
    Database,
    adds_jobs,
    build_settings,
    chat_row,
    is_chat,
    is_chat_of,
    read_job,
    read_settings,
    select_jobs,
    writes,
)
from core.store.database.tables import buttons, chats, jobs, messages, schedules, voices, watermarks
from core.store.talk.memory import move_talk
from core.store.work.admissions import Admissions
from core.store.work.deliveries import move_deliveries
from core.store.work.rulings import move_decision

#: A chat in which nothing but this was asked has no content left: it is not listed.
_LAST_COMMAND = "forget"
#: Commands that say nothing about what a chat is about.
_MINOR = (
    *("start", "unknown", "help", "voice", "style", "replies", "language", "mode", "think"),
    *("retry", "no_recording"),
)


_NEW_SEEN = insert(watermarks)
_OLD_ID, _NEW_ID = watermarks.c.message_id, _NEW_SEEN.excluded.message_id
_IS_SHORTER = func.length(_OLD_ID) < func.length(_NEW_ID)
_IS_SMALLER = (func.length(_OLD_ID) == func.length(_NEW_ID)) & (_OLD_ID < _NEW_ID)
#: Ids are whole numbers, which grow.
_NOTE_SEEN = _NEW_SEEN.on_conflict_do_update(
    index_elements=[watermarks.c.chat_pk],
    set_={"message_id": _NEW_ID, "is_private": _NEW_SEEN.excluded.is_private},
    where=_IS_SHORTER | _IS_SMALLER,
)


class Chats:
    """Queries about chats."""

    def __init__(self, database: Database, admissions: Admissions) -> None:
        self._database = database
        self._admissions = admissions

    async def settings(self, chat: Chat) -> ChatSettings:
        """Return the settings of the chat, or the defaults."""
        rows = await self._database.rows(select(chats).where(is_chat(chat)))
        return read_settings(rows[0]) if rows else ChatSettings()

    @writes
    def save_settings(self, connection: Connection, chat: Chat, settings: ChatSettings) -> None:
        """Save the settings of the chat."""
        row = chat_row(connection, chat)
        change = update(chats).where(chats.c.chat_pk == row.chat_pk)
        connection.execute(change.values(**build_settings(settings)))

    async def find_payer(self, platform: str, chat_id: str) -> Chat | None:
        """Return whose budget a group uses, None if no group with this id is known.

        Of a private thread it is its channel, in which nothing else need have been written.
        """
        is_it = (chats.c.chat_id == chat_id) | chats.c.parent.is_not(None)
        query = select(chats.c.bot_id, chats.c.address, chats.c.parent)
        for row in await self._database.rows(query.where(chats.c.platform == platform, is_it)):
            if chat_id in (row.address, row.parent):
                return Chat(platform, row.bot_id, row.parent or row.address)
        return None

    async def list_of(self, keys: Collection[int]) -> set[Chat]:
        """Return the chats with these keys."""
        query = select(chats.c.platform, chats.c.bot_id, chats.c.address)
        rows = await self._database.rows(query.where(chats.c.chat_pk.in_(keys)))
        return {Chat(*row) for row in rows}

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Give a new chat the settings of another one. Safe to repeat."""
        if not await self._database.rows(select(chats.c.chat_pk).where(is_chat(chat))):
            await self.save_settings(chat, replace(await self.settings(like), expects=None))

    @writes
    def note_no_voice(self, connection: Connection, chat: Chat) -> None:
        """Remember that the chat refuses voice messages."""
        row = chat_row(connection, chat)
        change = update(chats).where(chats.c.chat_pk == row.chat_pk)
        connection.execute(change.values(no_voice_at=self._database.now()))

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return the newest message handled in each chat of a bot: chat id -> message id."""
        query = (
            select(chats.c.address, watermarks.c.message_id)
            .join(watermarks, watermarks.c.chat_pk == chats.c.chat_pk)
            .where(chats.c.platform == platform, chats.c.bot_id == bot_id)
        )
        return {row.address: row.message_id for row in await self._database.rows(query)}

    async def find_private(self, platform: str, bot_id: str) -> set[str]:
        """Return those chats with a watermark that are private, or may be."""
        query = (
            select(chats.c.address)
            .join(watermarks, watermarks.c.chat_pk == chats.c.chat_pk)
            .where(chats.c.platform == platform, chats.c.bot_id == bot_id)
            .where(watermarks.c.is_private.is_not(False))
        )
        return {row.address for row in await self._database.rows(query)}

    @writes
    def save_watermarks(
        self,
        connection: Connection,
        platform: str,
        bot_id: str,
        seen: Mapping[str, str],
        private: Collection[str] = (),
    ) -> None:
        """Save the newest message handled in each chat: chat id -> message id.

        private: the chats that are. An older message changes nothing: another process may have
        handled more.
        """
        for chat_id, message_id in sorted(seen.items()):
            row = chat_row(connection, Chat(platform, bot_id, chat_id))
            values = {"chat_pk": row.chat_pk, "message_id": message_id}
            connection.execute(_NOTE_SEEN, values | {"is_private": chat_id in private})

    async def conversations(
        self, person: Chat, limit: int, before: datetime | None = None
    ) -> list[Conversation]:
        """Return chats whose id is that of `person`, or begins with it and a "-".

        The most recently used one comes first; empty ones are left out.
        before: only those that were last used before this moment.
        """
        is_used = jobs.c.created_at < before if before else true()
        query = _select_conversations(is_chat_of(person), is_used).limit(limit)
        return await self._read_conversations(query)

    async def conversation(self, chat: Chat) -> list[Conversation]:
        """Return one chat, nothing if it is empty."""
        return await self._read_conversations(_select_conversations(is_chat(chat), true()))

    async def _read_conversations(self, query: Select[Any]) -> list[Conversation]:
        # The first job is looked for only in those that are listed.
        listed = query.subquery()
        newest = (
            select(_TOPIC.label("first_seq"), listed.c.last_at)
            .join(chats, chats.c.chat_pk == listed.c.chat_pk)
            .order_by(listed.c.last_at.desc(), listed.c.seq.desc())
        )
        last_at = {row.first_seq: row.last_at for row in await self._database.rows(newest)}
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
        if change := await self._move(old, new):
            self._admissions.note(old.platform, old.chat_id, None)
            self._admissions.note(new.platform, new.chat_id, change.after)

    @adds_jobs
    def _move(self, connection: Connection, old: Chat, new: Chat) -> DecisionChange | None:
        before = chat_row(connection, old)
        after = chat_row(connection, new)
        if before.gone_at is not None:
            return None
        at_old, at_new = chats.c.chat_pk == before.chat_pk, chats.c.chat_pk == after.chat_pk
        values = build_settings(read_settings(before))
        connection.execute(update(chats).where(at_new).values(**values))
        gone = update(chats).where(at_old)
        plain, now = build_settings(ChatSettings()), self._database.now()
        connection.execute(gone.values(**plain, gone_at=now))
        move_talk(connection, before.chat_pk, after.chat_pk)
        move_deliveries(connection, before.chat_pk)
        move_budget(connection, old, new, now.date())
        of_chat = select(jobs.c.job_id).where(jobs.c.chat_pk == before.chat_pk)
        change = update(buttons).where(buttons.c.job_id.in_(of_chat))
        connection.execute(change.values(chat_pk=after.chat_pk))
        for table in (jobs, voices, schedules):
            change = update(table).where(table.c.chat_pk == before.chat_pk)
            connection.execute(change.values(chat_pk=after.chat_pk))
        return move_decision(connection, old, new, now)


def _pick(order: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return the query for the first of a chat's jobs that have content. It reads no other."""
    return (
        select(jobs.c.seq)
        .join(messages, messages.c.message_pk == jobs.c.message_pk)
        .where(jobs.c.chat_pk == chats.c.chat_pk, jobs.c.command != _LAST_COMMAND)
        .where(messages.c.content.is_not(None), *conditions)
        .order_by(order)
        .limit(1)
        .correlate(chats)
        .scalar_subquery()
    )


_LAST = _pick(jobs.c.seq.desc())
_TOPIC = func.coalesce(_pick(jobs.c.seq, jobs.c.command.not_in(_MINOR)), _pick(jobs.c.seq))


def _select_conversations(
    is_wanted: ColumnElement[bool], is_used: ColumnElement[bool]
) -> Select[Any]:
    """Return the query for the last job of each chat, the newest first."""
    used = select(chats.c.chat_pk, _LAST.label("seq")).where(is_wanted).subquery()
    return (
        select(jobs.c.seq, used.c.chat_pk, jobs.c.created_at.label("last_at"))
        .join(used, used.c.seq == jobs.c.seq)
        .where(is_used)
        .order_by(jobs.c.created_at.desc(), jobs.c.seq.desc())
    )
