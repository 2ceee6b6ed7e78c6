"""The database: how it is read and written, and what several queries share."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache, wraps
from operator import attrgetter
from secrets import token_hex
from typing import Any, Concatenate, ParamSpec

from sqlalchemy import Connection, Executable, Select, Table, bindparam, literal_column, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.elements import ColumnElement

from core.clock import CLOCK, Clock
from core.errors import StorageFull
from core.models import (
    Chat,
    ChatSettings,
    Job,
    JobState,
    Message,
    RepliesMode,
    SpeechSettings,
    TalkSettings,
)
from core.store.database.cipher import Cipher
from core.store.database.connections import Result, Work
from core.store.database.dialects import SQLITE, find_backend
from core.store.database.errors import read_error
from core.store.database.fencing import FENCE
from core.store.database.opening import connect, read_conninfo
from core.store.database.tables import chats, jobs, messages, people

Parameters = ParamSpec("Parameters")


class Database:
    """One database."""

    def __init__(self, url: str, cipher: Cipher, clock: Clock = CLOCK) -> None:
        self.cipher = cipher
        #: Returns the current moment, aware, in UTC.
        self.clock, self.now = clock, clock.now
        self._url, self.paused = url, Event()  # set by `Controls`: no new work is begun
        #: Whether several processes may use it.
        self.is_shared = find_backend(url) != SQLITE
        #: Tells this process from others on the database; empty where there are none.
        self.process = token_hex(8) if self.is_shared else ""
        #: Why not everything can be saved, None if it can: see `Probes.check_space`.
        self.fault: StorageFull | None = None
        #: Called after each commit by which a job may have to run.
        self.on_job: Callable[[], None] = lambda: None
        self._writer, self._readers = connect(url, cipher)
        #: The address of a PostgreSQL database as libpq takes it. It may hold a password.
        self.conninfo = read_conninfo(url)

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in a transaction, and return what it returns once that is committed.

        SQLite runs them one after the other, in the order of the calls. If this is cancelled, one
        that has begun is committed all the same.
        Raises StoreError if the database fails, and what `work` raises: then nothing was written.
        """
        fence = FENCE.get()
        with self._read_errors():
            return await self._writer.run(fence.guard(work) if fence else work)

    async def read(self, work: Work[Result]) -> Result:
        """Return what `work` returns: each of its statements sees the newest commit.

        Raises StoreError.
        """
        with self._read_errors():
            return await self._readers.run(work)

    async def rows(self, query: Executable, key: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """Return the rows of one query. Raises StoreError."""
        return await self.read(lambda connection: connection.execute(query, key).all())

    async def scalar(self, query: Executable, key: Mapping[str, Any] | None = None) -> Any | None:
        """Return the first column of a query's first row, None if there is none."""
        return await self.read(lambda connection: connection.execute(query, key).scalar())

    async def scrub(self) -> bool:
        """Remove what was deleted from the WAL, too. Return False while somebody reads it.

        Raises StoreError.
        """
        with self._read_errors():
            return await self._writer.checkpoint()

    async def end_transactions(self) -> None:
        """Return once every transaction that has begun is over. Raises StoreError."""
        with self._read_errors():
            await self._writer.end_transactions()

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.close()
        await self._readers.close()

    @contextmanager
    def _read_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(found := read_error(error, self._url), StorageFull):
                self.fault = found
            raise found from None


def writes(
    method: Callable[Concatenate[Any, Connection, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Coroutine[Any, Any, Result]]:
    """Turn a method that is given a connection into one transaction, see `Database.write`."""
    return _commit(method, adds_jobs=False)


def adds_jobs(
    method: Callable[Concatenate[Any, Connection, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Coroutine[Any, Any, Result]]:
    """Do as `writes` does, and call `Database.on_job` if the method returns something true."""
    return _commit(method, adds_jobs=True)


def _commit(
    method: Callable[Concatenate[Any, Connection, Parameters], Result], *, adds_jobs: bool
) -> Callable[Concatenate[Any, Parameters], Coroutine[Any, Any, Result]]:
    @wraps(method)
    async def run(self: Any, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        database: Database = self._database
        result = await database.write(lambda connection: method(self, connection, *args, **kwargs))
        if adds_jobs and result:
            database.on_job()
        return result

    return run


def reads(
    method: Callable[Concatenate[Any, Connection, Parameters], Result],
) -> Callable[Concatenate[Any, Parameters], Coroutine[Any, Any, Result]]:
    """Turn a method that is given a connection into one look at the database."""

    @wraps(method)
    async def run(self: Any, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        database: Database = self._database
        return await database.read(lambda connection: method(self, connection, *args, **kwargs))

    return run


NO_VOICE = timedelta(days=7)  # a chat that refused a voice message gets none: people change that


@cache
def insert_new(table: Table) -> Insert:
    """Return an INSERT that skips a row whose unique key exists already."""
    return insert(table).on_conflict_do_nothing()


_NAMED = chats.alias("named")


def is_chat(chat: Chat) -> ColumnElement[bool]:
    """Return the condition that scopes a query to one chat."""
    is_it = (_NAMED.c.platform == chat.platform) & (_NAMED.c.bot_id == chat.bot_id)
    key = select(_NAMED.c.chat_pk).where(is_it, _NAMED.c.chat_id == chat.chat_id)
    # By its key, found first: else PostgreSQL sorts all that is joined with the chat.
    return chats.c.chat_pk == key.scalar_subquery()


def is_chat_of(person: Chat) -> ColumnElement[bool]:
    """Return the condition for the chats of a person: that of this id, and all named "ID-NAME"."""
    is_theirs = (chats.c.chat_id == person.chat_id) | (chats.c.owner_id == person.chat_id)
    return (chats.c.platform == person.platform) & (chats.c.bot_id == person.bot_id) & is_theirs


#: Built once: every message waits for it. On PostgreSQL, transactions about a chat take turns.
_CHAT = (
    select(chats)
    .where(
        chats.c.platform == bindparam("of_platform"),
        chats.c.bot_id == bindparam("of_bot"),
        chats.c.chat_id == bindparam("of_chat"),
    )
    .with_for_update(key_share=True, of=chats)
)

#: The same, with the row of one person.
_OWN = (people.c.speech, people.c.person_pk, people.c.used_at)
_CHAT_WITH_PERSON = _CHAT.add_columns(
    *(column.label(f"own_{column.name}") for column in _OWN), people.c.is_opted_out
).outerjoin(
    people,
    (people.c.platform == chats.c.platform) & (people.c.person_id == bindparam("of_person")),
)


def chat_row(connection: Connection, chat: Chat, person_id: str | None = None) -> Any:
    """Return the row of `chat`, inserted if it is new.

    person_id: whose row it has too, as `own_…` and `is_opted_out`.
    """
    key = {"of_platform": chat.platform, "of_bot": chat.bot_id, "of_chat": chat.chat_id}
    query = _CHAT
    if person_id is not None:
        query, key["of_person"] = _CHAT_WITH_PERSON, person_id
    row = connection.execute(query, key).one_or_none()
    if row is None:
        values: dict[str, str | None] = {"platform": chat.platform, "bot_id": chat.bot_id}
        owner_id, _, _ = chat.chat_id.partition("-")
        values |= {"chat_id": chat.chat_id, "address": chat.chat_id, "owner_id": owner_id or None}
        connection.execute(insert_new(chats), values)
        row = connection.execute(query, key).one()
    return row


def read_settings(row: Any) -> ChatSettings:
    """Return the settings in a row of `chats`."""
    speech = row.speech or SpeechSettings()
    replies = RepliesMode(row.replies)
    talk = row.talk or TalkSettings()
    return ChatSettings(row.language, row.is_auto, speech, replies, row.expects, talk)


def build_settings(settings: ChatSettings) -> dict[str, Any]:
    """Return the values of the columns that hold the settings of a chat."""
    return {field.name: getattr(settings, field.name) for field in fields(ChatSettings)}


#: What stands for the version of a message that has no job: it opened a form.
FORM = "form"
#: Written out: with a parameter, SQLite does not use the index of forms.
IS_FORM = messages.c.edit_id == literal_column(f"'{FORM}'")
#: The job has not ended.
IS_OPEN = jobs.c.finished_at.is_(None)
#: It ends without its own reply, or has.
IS_CANCELLED = jobs.c.outcome == JobState.CANCELLED


def select_jobs() -> Select[Any]:
    """Return a query for everything that `read_job` needs."""
    return (
        select(
            jobs,
            messages.c.content,
            messages.c.chat_pk.label("origin_pk"),
            *(column for column in chats.c if column is not chats.c.chat_pk),
        )
        .join(messages, messages.c.message_pk == jobs.c.message_pk)
        .join(chats, chats.c.chat_pk == jobs.c.chat_pk)
        # The message of a job that was forgotten has no content any more.
        .where(messages.c.content.is_not(None))
    )


def find_newest(
    connection: Connection, query: Select[Any], states: Collection[JobState], limit: int
) -> list[Any]:
    """Return the rows of a query for jobs in these states, the newest first.

    Asked of each state by itself: in one list of several, SQLite would sort all that there are.
    """
    newest = query.order_by(jobs.c.seq.desc()).limit(limit)
    found = (connection.execute(newest.where(jobs.c.state == state)) for state in states)
    rows = [row for one in found for row in one]
    return sorted(rows, key=attrgetter("seq"), reverse=True)[:limit]


def read_job(row: Any, now: datetime) -> Job:
    """Return the job of a row of `select_jobs`; its message names the chat by its present id."""
    message: Message = row.content
    chat = Chat(row.platform, row.bot_id, row.address)
    if row.origin_pk != row.chat_pk:
        # The chat has moved: message ids start over there, so none can be replied to.
        message = replace(message, message_id="")
    return Job(
        job_id=row.job_id,
        message=replace(message, chat=chat),
        command=row.command,
        state=JobState(row.state),
        attempts=row.attempts,
        created_at=row.created_at,
        run_at=row.run_at,
        settings=read_settings(row),
        error=row.error,
        crashes=row.crashes,
        is_told=row.is_told,
        reply=row.reply,
        outcome=JobState(row.outcome),
        has_no_voice=row.no_voice_at is not None and now - row.no_voice_at < NO_VOICE,
    )
