"""Disuse: chats and people without a message for long are deleted with their settings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    not_,
    or_,
    select,
    update,
)

from core.models import ChatSettings, RepliesMode
from core.privacy.periods import SETTINGS_KEPT, UNUSED_KEPT
from core.store.database.queries import Database
from core.store.database.tables import (
    buttons,
    chats,
    jobs,
    link_codes,
    link_tries,
    messages,
    newcomers,
    people,
    readers,
    remembered,
    schedules,
    sounds,
    voices,
    watermarks,
)
from core.store.operations.slices import Slices
from core.store.people.voices import hash_of

_CHAT = bindparam("of_chat", type_=Integer)
_PERSON = bindparam("of_person", type_=Integer)
#: What belongs to a chat and ends with it; remembered messages, which may be many, before.
_OF_CHAT = tuple(one.c.chat_pk for one in (readers, newcomers, watermarks, schedules))
#: What ends by its own period, and keeps the chat until then.
_KEEP_CHAT = (messages.c.chat_pk, jobs.c.chat_pk, buttons.c.chat_pk)
_OF_PERSON = (link_codes.c.person_pk, link_tries.c.person_pk)
_SETTINGS = (chats.c.language, chats.c.speech, chats.c.expects, chats.c.talk, chats.c.no_voice_at)
_NO_SETTINGS: dict[str, Any] = {
    **dict.fromkeys(column.name for column in _SETTINGS),
    "is_auto": False,
    "replies": RepliesMode.OFF,
}
_IS_PLAIN_CHAT = and_(
    *(column.is_(None) for column in _SETTINGS),
    not_(chats.c.is_auto),
    chats.c.replies == ChatSettings().replies,
)
_OWN = (people.c.speech, people.c.identity, people.c.session_hash)
_HAS_OWN = or_(*(column.is_not(None) for column in _OWN))


def _is_used_by(table: Table, columns: Iterable[Column[Any]]) -> ColumnElement[bool]:
    """Return the condition that a row is referred to by one of these columns."""
    [key] = table.primary_key
    return or_(*(exists().where(column == key).correlate(table) for column in columns))


_CHAT_HAS_ROWS = _is_used_by(
    chats, (*_KEEP_CHAT, *_OF_CHAT, voices.c.chat_pk, remembered.c.chat_pk)
)
_PERSON_HAS_ROWS = _is_used_by(people, (*_OF_PERSON, voices.c.person_pk))
_DELETE_CHAT = delete(chats).where(chats.c.chat_pk == _CHAT, not_(_CHAT_HAS_ROWS))
_RESET_CHAT = update(chats).where(chats.c.chat_pk == _CHAT, not_(_IS_PLAIN_CHAT))
_DELETE_PERSON = delete(people).where(people.c.person_pk == _PERSON, not_(people.c.is_opted_out))
_RESET_PERSON = update(people).where(people.c.person_pk == _PERSON, people.c.is_opted_out, _HAS_OWN)


class Disuse:
    """Deletes chats and people that are no longer used."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slices = Slices(database)

    async def purge(self, now: datetime) -> int:
        """Delete what nobody has used for long, in small transactions. Return the rows."""
        for table in (chats, people):
            await self._begin(table, now)
        count = await self._purge_chats(now)
        return count + await self._purge_people(now)

    async def _begin(self, table: Table, now: datetime) -> None:
        """Let the time of rows that are new count from now."""
        [key] = table.primary_key
        rows = await self._database.rows(select(key).where(table.c.used_at.is_(None)))
        change = update(table).where(key == bindparam("of_row")).values(used_at=now)
        await self._slices.do(lambda one, row: one.execute(change, {"of_row": row[0]}), rows)

    async def _purge_chats(self, now: datetime) -> int:
        used_at, key = chats.c.used_at, chats.c.chat_pk
        is_plain = (used_at < now - UNUSED_KEPT) & _IS_PLAIN_CHAT & not_(_CHAT_HAS_ROWS)
        count = await self._slices.delete(chats, is_plain)
        for is_over in (used_at < now - SETTINGS_KEPT, chats.c.gone_at < now - UNUSED_KEPT):
            rows = await self._database.rows(select(key).where(is_over))
            for (chat_pk,) in rows:
                count += await self._slices.delete(remembered, remembered.c.chat_pk == chat_pk)
            deleted: list[int] = []
            await self._slices.do(partial(_delete_chat, deleted, is_over), [row[0] for row in rows])
            count += sum(deleted)
        return count

    async def _purge_people(self, now: datetime) -> int:
        used_at, key = people.c.used_at, people.c.person_pk
        has_own = or_(_HAS_OWN, _PERSON_HAS_ROWS)
        is_plain = (used_at < now - UNUSED_KEPT) & not_(has_own) & not_(people.c.is_opted_out)
        count = await self._slices.delete(people, is_plain)
        is_over = used_at < now - SETTINGS_KEPT
        rows = await self._database.rows(
            select(key).where(is_over, or_(not_(people.c.is_opted_out), has_own))
        )
        deleted: list[int] = []
        await self._slices.do(partial(_delete_person, deleted, is_over), [row[0] for row in rows])
        return count + sum(deleted)


def _delete_chat(
    deleted: list[int], is_over: ColumnElement[bool], connection: Connection, chat_pk: int
) -> None:
    """Delete a chat and what ends with it, unless it is used again. Note how many rows that was."""
    key = {"of_chat": chat_pk}
    found = select(chats.c.chat_pk).where(chats.c.chat_pk == _CHAT, is_over)
    if not connection.execute(found.with_for_update(), key).first():
        return
    deleted.append(_delete_voices(connection, voices.c.chat_pk == chat_pk))
    for column in _OF_CHAT:
        deleted.append(
            connection.execute(delete(column.table).where(column == _CHAT), key).rowcount
        )
    gone = connection.execute(_DELETE_CHAT, key).rowcount
    deleted.append(gone or connection.execute(_RESET_CHAT.values(_NO_SETTINGS), key).rowcount)


def _delete_person(
    deleted: list[int], is_over: ColumnElement[bool], connection: Connection, person_pk: int
) -> None:
    """Delete a person with all that is theirs, unless they came back; of an opt-out, all but it."""
    key = {"of_person": person_pk}
    is_it = people.c.person_pk == _PERSON
    found = select(people.c.person_pk).where(is_it, is_over).with_for_update()
    if not connection.execute(found, key).first():
        return
    deleted.append(_delete_voices(connection, voices.c.person_pk == person_pk))
    for column in _OF_PERSON:
        of_person = delete(column.table).where(column == _PERSON)
        deleted.append(connection.execute(of_person, key).rowcount)
    deleted.append(connection.execute(_DELETE_PERSON, key).rowcount)
    empty = dict.fromkeys((*(column.name for column in _OWN), "next_session_hash"))
    deleted.append(connection.execute(_RESET_PERSON.values(empty), key).rowcount)


def _delete_voices(connection: Connection, is_theirs: ColumnElement[bool]) -> int:
    """Delete saved voices, and all speech that was made with them."""
    rows = connection.execute(select(voices.c.content).where(is_theirs)).all()
    samples = [hash_of(row.content) for row in rows]
    connection.execute(delete(sounds).where(sounds.c.sample.in_(samples)))
    return connection.execute(delete(voices).where(is_theirs)).rowcount
