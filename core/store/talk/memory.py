"""The talk of chats that wanted it to be remembered, and the people who did not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from core.models import Chat, Correction, Message, RememberedMessage, TalkRange, Transcript
from core.store.database.connection import Database
from core.store.database.queries import chat_row, insert_new, is_chat, now
from core.store.database.tables import chats, people, readers, remembered, transcripts
from core.store.people.accounts import account_row, accounts_of, is_person
from core.store.talk.search import COLUMNS, MOVED, Search, find_rows, read_rows

#: Rows that are in memory at once while a chat is searched.
_PAGE = 2000
#: How far back the last recording of a talk is looked for.
_RECENT = 200

IS_KEPT = remembered.c.content.is_not(None)
#: Ids of one second are told apart as numbers are: the longer one is the greater.
_PLACE = (remembered.c.sent_at, func.length(remembered.c.message_id), remembered.c.message_id)
#: What stays of a message that was deleted.
EMPTY = {"content": None, "transcript": None, "heard_key": None, "sender_id": ""}


class Memory:
    """Every query about remembered talk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def select(self, chat: Chat, span: TalkRange) -> list[RememberedMessage]:
        """Return the messages of a span in order of time, with what their recordings say."""
        query = _talk(chat).order_by(*(column.desc() for column in _PLACE)).limit(span.count)
        if span.since_at:
            query = query.where(remembered.c.sent_at >= span.since_at)
        if span.until_at:
            query = query.where(remembered.c.sent_at <= span.until_at)
        if span.thread_id is not None:
            query = query.where(_is_thread(span.thread_id or None))
        if span.from_id:
            query = query.where(await self._begins(chat, span.from_id))
        rows = await self._rows(query)
        return await asyncio.to_thread(read_rows, rows[::-1], self._database.cipher)

    async def find(
        self, chat: Chat, words: str, limit: int, corrections: tuple[Correction, ...] = ()
    ) -> list[RememberedMessage]:
        """Return the messages that said all of `words`, the newest first: see `Search`."""
        search = Search(words, corrections)
        found: list[RememberedMessage] = []
        async for rows in self._pages(chat):
            left = limit - len(found)
            found += await asyncio.to_thread(find_rows, rows, search, self._database.cipher, left)
            if len(found) >= limit:
                break
        return found

    async def last_recording(self, chat: Chat, thread_id: str | None) -> RememberedMessage | None:
        """Return the newest message with sound in a topic; None = in no topic."""
        newest = await self.select(chat, TalkRange(count=_RECENT, thread_id=thread_id or ""))
        return next((message for message in reversed(newest) if message.attachment), None)

    async def message(self, chat: Chat, message_id: str) -> RememberedMessage | None:
        """Return one message in its newest form."""
        rows = await self._rows(_talk(chat).where(remembered.c.message_id == message_id))
        return read_rows(rows, self._database.cipher)[0] if rows else None

    async def count(self, chat: Chat) -> int:
        """Return how many messages of a chat are kept."""
        query = select(func.count()).select_from(remembered).join(chats)
        async with self._database.read() as connection:
            found = await connection.execute(query.where(is_chat(chat), IS_KEPT))
            return int(found.scalar() or 0)

    async def save_transcript(
        self, chat: Chat, message_id: str, heard: Transcript, key: str | None = None
    ) -> None:
        """Keep what the recording of a remembered message says; others are passed over.

        key: where the transcript stands among the paid results.
        """
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            is_it = _is_message(row.chat_pk, message_id) & IS_KEPT
            change = update(remembered).where(is_it)
            await connection.execute(change.values(transcript=heard, heard_key=key))

    async def forget(self, chat: Chat, message_id: str) -> bool:
        """Drop one message, and do not take it in again. Safe to repeat.

        Returns False if nothing of it was kept.
        """
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            return await drop(connection, row, message_id)

    async def forget_person(self, chat: Chat, person_id: str, *, is_everywhere: bool) -> int:
        """Drop what a person said in a chat, or with all their accounts. Return how many."""
        async with self._database.write() as connection:
            is_theirs = _is_said(is_chat(chat), person_id)
            if is_everywhere:
                accounts = await accounts_of(connection, chat.platform, person_id)
                is_theirs = or_(*(_is_said(chats.c.platform == on, who) for on, who in accounts))
            await _drop_heard_of(connection, is_theirs)
            change = update(remembered).where(is_theirs, IS_KEPT).values(EMPTY)
            return (await connection.execute(change)).rowcount

    async def forget_chat(self, chat: Chat, before: datetime | None = None) -> int:
        """Delete what was kept of a chat, or what is older than `before`. Return how many."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            is_here = remembered.c.chat_pk == row.chat_pk
            if before is not None:
                is_here &= remembered.c.sent_at < before
            kept = select(func.count()).select_from(remembered).where(is_here, IS_KEPT)
            count = int((await connection.execute(kept)).scalar() or 0)
            await _drop_heard_of(connection, is_here)
            await connection.execute(delete(remembered).where(is_here))
        return count

    async def is_opted_out(self, platform: str, person_id: str) -> bool:
        """Tell whether nothing of this person may be remembered or written down for others."""
        async with self._database.read() as connection:
            return await is_opted_out(connection, platform, person_id)

    async def opted_out(self, platform: str, persons: Collection[str]) -> set[str]:
        """Return who of these opted out: see `is_opted_out`."""
        is_one = (people.c.platform == platform) & people.c.person_id.in_(persons)
        query = select(people.c.person_id).where(is_one, people.c.is_opted_out)
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def opt_out(self, platform: str, person_id: str, is_out: bool) -> None:
        """Note what the person wants, for all their accounts."""
        async with self._database.write() as connection:
            await account_row(connection, platform, person_id)
            change = update(people).where(is_person(platform, person_id))
            await connection.execute(change.values(is_opted_out=is_out))

    async def read_at(self, chat: Chat, person_id: str) -> datetime | None:
        """Return how far the person has read, None if that is not known."""
        query = select(readers.c.read_at).join(chats).where(is_chat(chat))
        async with self._database.read() as connection:
            found = await connection.execute(query.where(readers.c.person_id == person_id))
            moment: datetime | None = found.scalar()
        return moment

    async def note_read(self, chat: Chat, person_id: str, moment: datetime) -> None:
        """Note that the person has read up to `moment`; an earlier one changes nothing."""
        async with self._database.write() as connection:
            row = await chat_row(connection, chat)
            key = {"chat_pk": row.chat_pk, "person_id": person_id}
            await connection.execute(insert_new(connection, readers), {**key, "read_at": moment})
            is_it = (readers.c.chat_pk == row.chat_pk) & (readers.c.person_id == person_id)
            change = update(readers).where(is_it, readers.c.read_at < moment)
            await connection.execute(change.values(read_at=moment))

    async def _rows(self, query: Select[Any]) -> Sequence[Any]:
        async with self._database.read() as connection:
            rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows

    async def _pages(self, chat: Chat) -> AsyncIterator[Sequence[Any]]:
        """Yield all that is kept of a chat, the newest first."""
        place = remembered.c.sent_at, remembered.c.remembered_pk
        query = _talk(chat).order_by(*(column.desc() for column in place)).limit(_PAGE)
        rows = await self._rows(query)
        while rows:
            yield rows
            if len(rows) < _PAGE:
                return
            # By its key: to read the moment of each row would take longer than all else.
            key = rows[-1].remembered_pk
            last = select(remembered.c.sent_at).where(remembered.c.remembered_pk == key)
            last_at = last.scalar_subquery()
            is_next = or_(remembered.c.sent_at < last_at, remembered.c.remembered_pk < key)
            rows = await self._rows(query.where(remembered.c.sent_at <= last_at, is_next))

    async def _begins(self, chat: Chat, message_id: str) -> ColumnElement[bool]:
        """Return the condition for what came from this message on, itself included."""
        _, length, name = _PLACE
        is_later_id = or_(
            length > len(message_id), and_(length == len(message_id), name >= message_id)
        )
        first = await self.message(chat, message_id)
        if first is None:
            # It was never kept, as our own messages are not. Ids grow on every platform.
            return is_later_id
        is_later = remembered.c.sent_at > first.sent_at
        return or_(is_later, and_(remembered.c.sent_at == first.sent_at, is_later_id))


def _talk(chat: Chat) -> Select[Any]:
    return select(*COLUMNS).join(chats).where(is_chat(chat), IS_KEPT)


def _is_said(is_place: ColumnElement[bool], person_id: str) -> ColumnElement[bool]:
    """Return the condition for what an account said in the chats of `is_place`."""
    here = select(chats.c.chat_pk).where(is_place)
    return (remembered.c.sender_id == person_id) & remembered.c.chat_pk.in_(here)


def _is_thread(thread_id: str | None) -> ColumnElement[bool]:
    return remembered.c.thread_id.is_not_distinct_from(thread_id)


def _is_message(chat_pk: int, message_id: str) -> ColumnElement[bool]:
    return (remembered.c.chat_pk == chat_pk) & (remembered.c.message_id == message_id)


_IS_OPTED_OUT = select(people.c.is_opted_out).where(
    people.c.platform == bindparam("of_platform"), people.c.person_id == bindparam("of_person")
)


async def is_opted_out(connection: AsyncConnection, platform: str, person_id: str) -> bool:
    """Tell whether nothing of this person may be remembered or written down for others."""
    key = {"of_platform": platform, "of_person": person_id}
    return bool((await connection.execute(_IS_OPTED_OUT, key)).scalar())


async def remember(connection: AsyncConnection, chat_pk: int, message: Message) -> None:
    """Keep a message in its newest form: an edit takes the place of what it edits."""
    values: dict[str, Any] = {
        "thread_id": message.thread_id,
        "sender_id": message.sender_id,
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
        ),
    }
    key = {"chat_pk": chat_pk, "message_id": message.message_id}
    made = await connection.execute(insert_new(connection, remembered), {**key, **values})
    if not made.rowcount:
        is_it = _is_message(chat_pk, message.message_id) & IS_KEPT
        is_older = remembered.c.edit_id <= message.edit_id
        await connection.execute(update(remembered).where(is_it, is_older).values(**values))


async def drop(connection: AsyncConnection, chat: Any, message_id: str) -> bool:
    """Empty one message of the chat of this row; note it even if it is still on its way."""
    is_it = _is_message(chat.chat_pk, message_id)
    await _drop_heard_of(connection, is_it)
    change = update(remembered).where(is_it, IS_KEPT).values(EMPTY)
    if (await connection.execute(change)).rowcount:
        return True
    moment = now(connection)
    values = {"chat_pk": chat.chat_pk, "message_id": message_id, "sent_at": moment, "edit_id": ""}
    if chat.talk is not None and chat.talk.remember_days:
        row = {**values, "sender_id": "", "content": None}
        await connection.execute(insert_new(connection, remembered), row)
    return False


async def drop_heard(connection: AsyncConnection, keys: Collection[str]) -> int:
    """Delete transcripts among the paid results with their pieces. Return how many recordings."""
    if not keys:
        return 0
    whole = await connection.execute(delete(transcripts).where(transcripts.c.key.in_(keys)))
    await connection.execute(delete(transcripts).where(transcripts.c.whole.in_(keys)))
    return whole.rowcount


async def _drop_heard_of(connection: AsyncConnection, condition: ColumnElement[bool]) -> None:
    query = select(remembered.c.heard_key).where(condition, remembered.c.heard_key.is_not(None))
    await drop_heard(connection, [key for (key,) in await connection.execute(query)])


async def move_talk(connection: AsyncConnection, old_pk: int, new_pk: int) -> None:
    """Carry the talk of a chat over. Ids begin anew there: the old ones must not look like new."""
    change = update(remembered).where(remembered.c.chat_pk == old_pk)
    moved = literal(MOVED) + remembered.c.message_id
    await connection.execute(change.values(chat_pk=new_pk, message_id=moved))
    again = select(readers.c.person_id).where(readers.c.chat_pk == new_pk)
    is_old = readers.c.chat_pk == old_pk
    await connection.execute(delete(readers).where(is_old, readers.c.person_id.in_(again)))
    await connection.execute(update(readers).where(is_old).values(chat_pk=new_pk))
