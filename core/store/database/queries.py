"""The database: how it is opened, read and written, and what several queries share.

SQLite: WAL, `synchronous=FULL`, one writer that begins IMMEDIATE, readers that cannot write. A
transaction that reads first and writes later would fail at once with "database is locked" in
spite of the busy timeout, hence IMMEDIATE.

A statement needs one round trip to the connection's thread. With aiosqlite's own cursors it would
be four, and one more for the rollback after each use: most of the program's own CPU time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter, methodcaller
from typing import Any

import aiosqlite
from sqlalchemy import Executable, Select, Table, bindparam, event, make_url, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.dialects.sqlite import aiosqlite as adapter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.util import await_only

from core.clock import CLOCK, Clock
from core.errors import StoreError
from core.models import (
    Audio,
    Chat,
    ChatSettings,
    Job,
    JobState,
    Message,
    RepliesMode,
    SpeechSettings,
    TalkSettings,
)
from core.store.database.encryption import Cipher, set_cipher
from core.store.database.tables import chats, jobs, messages

#: How long a writer waits for another process that holds SQLite's write lock.
BUSY_TIMEOUT_MS = 30_000
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
_READER = ("query_only=ON",)


class Database:
    """One SQLite database."""

    def __init__(self, url: str, cipher: Cipher, clock: Clock = CLOCK) -> None:
        self.cipher = cipher
        #: Returns the current moment, aware, in UTC.
        self.clock, self.now = clock, clock.now
        self._writer = _make_engine(url, _WRITER, pool_size=1)
        #: Held by the writer. It keeps the order of arrival; waiting for the pool does not.
        self._turn = asyncio.Lock()
        # Readers never have a transaction to roll back.
        self._reader = _make_engine(url, _READER, pool_size=4, skip_autocommit_rollback=True)
        for engine in (self._writer, self._reader):
            set_cipher(engine.dialect, cipher)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Transactions run one after the other, in the order of the calls.
        Raises StoreError if the database fails: then nothing was written.
        """
        with _read_errors():
            async with self._turn, self._writer.begin() as connection:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection to read from: each statement sees the newest commit."""
        with _read_errors():
            async with self._reader.connect() as connection:
                yield connection

    async def rows(self, query: Executable, key: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """Return the rows of one query. Raises StoreError."""
        with _read_errors():
            async with self._reader.connect() as connection:
                rows: Sequence[Any] = (await connection.execute(query, key)).all()
        return rows

    async def scalar(self, query: Executable, key: Mapping[str, Any] | None = None) -> Any | None:
        """Return the first column of a query's first row, None if there is none."""
        rows = await self.rows(query, key)
        return rows[0][0] if rows else None

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


@contextmanager
def _read_errors() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        # Not the error's own text: it holds the statement's parameters.
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreError(f"{type(cause).__name__}: {cause}") from None


def _make_engine(url: str, pragmas: Sequence[str], **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+aiosqlite"),
        connect_args={"isolation_level": None},  # no transaction begins by itself
        max_overflow=0,
        pool_timeout=300,
        **options,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _record: Any, arguments: Any, parameters: Any) -> _Connection:
        connection: Any = aiosqlite.connect(*arguments, **parameters)
        # As SQLAlchemy does: an unclosed connection must not keep the process alive.
        connection._thread.daemon = True
        await_only(connection)
        try:
            for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", *pragmas):
                await_only(connection.execute_fetchall(f"PRAGMA {pragma}"))
        except BaseException:
            connection.stop()  # nobody else knows it yet
            raise
        return _Connection(dialect.dbapi, connection)

    return engine


class _Cursor(adapter.AsyncAdapt_aiosqlite_cursor):
    """A cursor of sqlite3 itself: to make or close one needs no call to the thread."""

    _make_new_cursor: Any = attrgetter("_conn")
    _aenter_cursor: Any = methodcaller("cursor")
    _awaitable_cursor_close = False
    _cursor: Any

    async def _execute_async(self, operation: str, parameters: Any) -> None:
        """Run one statement and read all its rows."""
        # Nobody may close the cursor while the thread uses it, such as after a cancellation.
        cursor, self._cursor = self._cursor, None
        self._rows = deque(
            await self._connection._execute(
                lambda: cursor.execute(operation, parameters or ()).fetchall()
            )
        )
        self._cursor = cursor

    async def _executemany_async(self, operation: str, parameters: Any) -> None:
        """Run one statement for each of `parameters`."""
        cursor, self._cursor = self._cursor, None
        await self._connection._execute(cursor.executemany, operation, parameters)
        self._cursor = cursor


class _Connection(adapter.AsyncAdapt_aiosqlite_connection):
    """SQLAlchemy's adapter of an aiosqlite connection, with our cursor."""

    _cursor_cls = _Cursor


#: How long a chat that refused a voice message gets none: people change their settings.
NO_VOICE = timedelta(days=7)


def hash_sample(sample: Audio) -> str:
    """Return the hash that links synthesized audio to the voice sample it was made with."""
    return hashlib.sha256(sample.data).hexdigest()


@cache
def insert_new(table: Table) -> Insert:
    """Return an INSERT that skips a row whose unique key exists already."""
    return insert(table).on_conflict_do_nothing()


def is_chat(chat: Chat) -> ColumnElement[bool]:
    """Return the condition that scopes a query to one chat."""
    return (
        (chats.c.platform == chat.platform)
        & (chats.c.bot_id == chat.bot_id)
        & (chats.c.chat_id == chat.chat_id)
    )


#: Built once: every message waits for it.
_CHAT = select(chats).where(
    chats.c.platform == bindparam("of_platform"),
    chats.c.bot_id == bindparam("of_bot"),
    chats.c.chat_id == bindparam("of_chat"),
)


async def chat_row(connection: AsyncConnection, chat: Chat) -> Any:
    """Return the row of `chat`, inserted if it is new."""
    key = {"of_platform": chat.platform, "of_bot": chat.bot_id, "of_chat": chat.chat_id}
    row = (await connection.execute(_CHAT, key)).one_or_none()
    if row is None:
        values = {"platform": chat.platform, "bot_id": chat.bot_id, "chat_id": chat.chat_id}
        await connection.execute(insert_new(chats), values)
        row = (await connection.execute(_CHAT, key)).one()
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


def read_job(row: Any, now: datetime) -> Job:
    """Return the job of a row of `select_jobs`; its message names the chat by its present id."""
    message: Message = row.content
    chat = Chat(row.platform, row.bot_id, row.chat_id)
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
        is_told=row.is_told,
        reply=row.reply,
        outcome=JobState(row.outcome),
        has_no_voice=row.no_voice_at is not None and now - row.no_voice_at < NO_VOICE,
    )
