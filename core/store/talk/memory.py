"""Remembered talk of chats that turned this on, and the people who opted out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from core.models import Chat, Correction, Message, RememberedMessage, TalkRange, Transcript
from core.store.database.dialects import take_turns
from core.store.database.queries import Database, chat_row, insert_new, is_chat, writes
from core.store.database.tables import chats, people, readers, remembered, transcripts
from core.store.people.accounts import TURNS_OF_PEOPLE, account_row, is_person
from core.store.talk.newcomers import move_people
from core.store.talk.search import COLUMNS, MOVED, Search, find_rows, read_rows

#: Rows read at once while a chat is searched.
_PAGE = 2000
#: Newest messages among which the last recording is looked for.
_RECENT = 200

IS_KEPT = remembered.c.content.is_not(None)
#: Ids are compared like numbers: the longer one is greater.
_POSITION = (remembered.c.sent_at, func.length(remembered.c.message_id), remembered.c.message_id)
#: The columns of a message that was deleted.
EMPTY = {"content": None, "transcript": None, "heard_key": None, "sender_id": "", "origin_id": ""}


class Memory:
    """Queries about remembered talk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def select(self, chat: Chat, part: TalkRange) -> list[RememberedMessage]:
        """Return the messages of a range in order of time, with the transcripts of recordings."""
        query = _talk(chat).order_by(*(column.desc() for column in _POSITION)).limit(part.count)
        if part.since_at:
            query = query.where(remembered.c.sent_at >= part.since_at)
        if part.until_at:
            query = query.where(remembered.c.sent_at <= part.until_at)
        if part.thread_id is not None:
            query = query.where(_is_thread(part.thread_id or None))
        if part.from_id:
            query = query.where(await self._is_from(chat, part.from_id))
        rows = await self._database.rows(query)
        return await asyncio.to_thread(read_rows, rows[::-1], self._database.cipher)

    async def find(
        self, chat: Chat, words: str, limit: int, corrections: tuple[Correction, ...] = ()
    ) -> list[RememberedMessage]:
        """Return the messages that match a `Search` for `words`, the newest first."""
        search = Search(words, corrections)
        found: list[RememberedMessage] = []
        async for rows in self._pages(chat):
            left = limit - len(found)
            found += await asyncio.to_thread(find_rows, rows, search, self._database.cipher, left)
            if len(found) >= limit:
                break
        return found

    async def last_recording(self, chat: Chat, thread_id: str | None) -> RememberedMessage | None:
        """Return the newest message with a recording in a topic; None = in no topic."""
        newest = await self.select(chat, TalkRange(count=_RECENT, thread_id=thread_id or ""))
        return next((message for message in reversed(newest) if message.attachment), None)

    async def message(self, chat: Chat, message_id: str) -> RememberedMessage | None:
        """Return one message as last edited."""
        rows = await self._database.rows(_talk(chat).where(remembered.c.message_id == message_id))
        return read_rows(rows, self._database.cipher)[0] if rows else None

    async def count(self, chat: Chat) -> int:
        """Return how many messages of a chat are remembered."""
        query = select(func.count()).select_from(remembered).join(chats)
        return await self._database.scalar(query.where(is_chat(chat), IS_KEPT)) or 0

    @writes
    def save_transcript(
        self,
        connection: Connection,
        chat: Chat,
        message_id: str,
        transcript: Transcript,
        key: str | None = None,
    ) -> None:
        """Save the transcript of a remembered message, and its key; other ones are skipped."""
        row = chat_row(connection, chat)
        is_it = _is_message(row.chat_pk, message_id) & IS_KEPT
        change = update(remembered).where(is_it)
        connection.execute(change.values(transcript=transcript, heard_key=key))

    @writes
    def forget(self, connection: Connection, chat: Chat, message_id: str) -> bool:
        """Forget one message for good. Safe to repeat. Return False if it was not remembered."""
        row = chat_row(connection, chat)
        return drop(connection, row, message_id, self._database.now())

    @writes
    def forget_chat(
        self, connection: Connection, chat: Chat, before: datetime | None = None
    ) -> int:
        """Forget what was said in a chat, or what is older than `before`. Return how many."""
        row = chat_row(connection, chat)
        is_here = remembered.c.chat_pk == row.chat_pk
        if before is not None:
            is_here &= remembered.c.sent_at < before
        kept = select(func.count()).select_from(remembered).where(is_here, IS_KEPT)
        count = int(connection.execute(kept).scalar() or 0)
        _drop_transcripts_of(connection, is_here)
        connection.execute(delete(remembered).where(is_here))
        return count

    async def is_opted_out(self, platform: str, person_id: str) -> bool:
        """Return whether a person opted out of being remembered or transcribed for others."""
        return await self._database.read(lambda one: is_opted_out(one, platform, person_id))

    async def opted_out(self, platform: str, persons: Collection[str]) -> set[str]:
        """Return which of these people opted out."""
        return await self._database.read(
            lambda one: {person for person in persons if is_opted_out(one, platform, person)}
        )

    @writes
    def opt_out(self, connection: Connection, platform: str, person_id: str, is_out: bool) -> None:
        """Save whether the person opts out, for all their accounts."""
        take_turns(connection, TURNS_OF_PEOPLE)
        account_row(connection, platform, person_id)
        change = update(people).where(is_person(platform, person_id))
        connection.execute(change.values(is_opted_out=is_out))

    async def read_at(self, chat: Chat, person_id: str) -> datetime | None:
        """Return up to when the person has read, None if that is not known."""
        query = select(readers.c.read_at).join(chats).where(is_chat(chat))
        query = query.where(readers.c.person_id == person_id)
        return await self._database.scalar(query)

    @writes
    def note_read(
        self, connection: Connection, chat: Chat, person_id: str, moment: datetime
    ) -> None:
        """Record that the person has read up to `moment`; an earlier one changes nothing."""
        key = {"chat_pk": chat_row(connection, chat).chat_pk, "person_id": person_id}
        connection.execute(insert_new(readers), {**key, "read_at": moment})
        is_it = (readers.c.chat_pk == key["chat_pk"]) & (readers.c.person_id == person_id)
        change = update(readers).where(is_it, readers.c.read_at < moment)
        connection.execute(change.values(read_at=moment))

    async def _pages(self, chat: Chat) -> AsyncIterator[Sequence[Any]]:
        """Yield everything remembered of a chat in pages, the newest first."""
        position = remembered.c.sent_at, remembered.c.remembered_pk
        query = _talk(chat).order_by(*(column.desc() for column in position)).limit(_PAGE)
        rows = await self._database.rows(query)
        while rows:
            yield rows
            if len(rows) < _PAGE:
                return
            # By its key: reading `sent_at` of every row would take longer than everything else.
            key = rows[-1].remembered_pk
            last = select(remembered.c.sent_at).where(remembered.c.remembered_pk == key)
            last_at = last.scalar_subquery()
            is_next = or_(remembered.c.sent_at < last_at, remembered.c.remembered_pk < key)
            rows = await self._database.rows(query.where(remembered.c.sent_at <= last_at, is_next))

    async def _is_from(self, chat: Chat, message_id: str) -> ColumnElement[bool]:
        """Return the condition for this message and all later ones."""
        _, length, name = _POSITION
        is_later_id = or_(
            length > len(message_id), and_(length == len(message_id), name >= message_id)
        )
        first = await self.message(chat, message_id)
        if first is None:
            # Our own messages, for example, are not remembered. Ids grow on every platform.
            return is_later_id
        is_later = remembered.c.sent_at > first.sent_at
        return or_(is_later, and_(remembered.c.sent_at == first.sent_at, is_later_id))


def _talk(chat: Chat) -> Select[Any]:
    return select(*COLUMNS).join(chats).where(is_chat(chat), IS_KEPT)


def _is_thread(thread_id: str | None) -> ColumnElement[bool]:
    return remembered.c.thread_id.is_not_distinct_from(thread_id)


def _is_message(chat_pk: int, message_id: str) -> ColumnElement[bool]:
    return (remembered.c.chat_pk == chat_pk) & (remembered.c.message_id == message_id)


_IS_OPTED_OUT = select(people.c.is_opted_out).where(
    people.c.platform == bindparam("of_platform"), people.c.person_id == bindparam("of_person")
)


def is_opted_out(connection: Connection, platform: str, person_id: str) -> bool:
    """Return whether a person opted out of being remembered or transcribed for others."""
    key = {"of_platform": platform, "of_person": person_id}
    return bool(connection.execute(_IS_OPTED_OUT, key).scalar())


def remember(connection: Connection, chat_pk: int, message: Message) -> None:
    """Save a message; an edit replaces what it edits."""
    values: dict[str, Any] = {
        "thread_id": message.thread_id,
        "sender_id": message.sender_id,
        "origin_id": message.origin_id,
        "sent_at": message.sent_at,
        "edit_id": message.edit_id,
        "content": RememberedMessage(
            message_id=message.message_id,
            sent_at=message.sent_at,
            sender_id=message.sender_id,
            sender_name=message.forwarded_from or message.sender_name,
            text=message.text,
            thread_id=message.thread_id,
            reply_to=message.reply_to.message_id if message.reply_to else "",
            attachment=message.attachment,
            origin_id=message.origin_id,
            is_forwarded=message.is_forwarded,
        ),
    }
    key = {"chat_pk": chat_pk, "message_id": message.message_id}
    if not connection.execute(insert_new(remembered), {**key, **values}).rowcount:
        is_it = _is_message(chat_pk, message.message_id) & IS_KEPT
        is_older = remembered.c.edit_id <= message.edit_id
        connection.execute(update(remembered).where(is_it, is_older).values(**values))


def drop(connection: Connection, chat: Any, message_id: str, now: datetime) -> bool:
    """Empty one message of the chat of this row. An unknown id is saved, for it may still come."""
    is_it = _is_message(chat.chat_pk, message_id)
    _drop_transcripts_of(connection, is_it)
    change = update(remembered).where(is_it, IS_KEPT).values(EMPTY)
    if connection.execute(change).rowcount:
        return True
    values = {"chat_pk": chat.chat_pk, "message_id": message_id, "sent_at": now, "edit_id": ""}
    if chat.talk is not None and chat.talk.remember_days:
        row = {**values, "sender_id": "", "content": None}
        connection.execute(insert_new(remembered), row)
    return False


def drop_transcripts(connection: Connection, keys: Collection[str]) -> int:
    """Delete transcripts with their pieces, and with what they were edited from or into.

    Return the number of recordings.
    """
    if not keys:
        return 0
    is_edited = transcripts.c.key.in_(keys) & transcripts.c.whole.is_not(None)
    edited_from = connection.execute(select(transcripts.c.whole).where(is_edited))
    keys = {*keys, *edited_from.scalars()}
    connection.execute(delete(transcripts).where(transcripts.c.whole.in_(keys)))
    whole = connection.execute(delete(transcripts).where(transcripts.c.key.in_(keys)))
    return whole.rowcount


def _drop_transcripts_of(connection: Connection, condition: ColumnElement[bool]) -> None:
    query = select(remembered.c.heard_key).where(condition, remembered.c.heard_key.is_not(None))
    drop_transcripts(connection, [key for (key,) in connection.execute(query)])


def move_talk(connection: Connection, old_pk: int, new_pk: int) -> None:
    """Move the talk of a chat. Message ids start over there: old ones get a prefix."""
    change = update(remembered).where(remembered.c.chat_pk == old_pk)
    moved = literal(MOVED) + remembered.c.message_id
    connection.execute(change.values(chat_pk=new_pk, message_id=moved))
    move_people(connection, old_pk, new_pk)
