"""The database: how it is read and written, and what several queries share.

Each transaction begins IMMEDIATE: one that reads first and writes later would fail at once with
"database is locked" in spite of the busy timeout.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Executable, Select, Table, bindparam, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from core.clock import CLOCK, Clock
from core.errors import StorageFull
from core.models import (
    OPEN_STATES,
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
from core.store.database.connections import READER, WRITER, make_engine
from core.store.database.encryption import Cipher, set_cipher
from core.store.database.errors import read_error
from core.store.database.tables import chats, jobs, messages


class Database:
    """One SQLite database."""

    def __init__(self, url: str, cipher: Cipher, clock: Clock = CLOCK) -> None:
        self.cipher = cipher
        #: Returns the current moment, aware, in UTC.
        self.clock, self.now = clock, clock.now
        self._url = url
        #: Why not everything can be saved, None if it can: see `Probes.check_space`.
        self.fault: StorageFull | None = None
        self._writer = make_engine(url, WRITER, pool_size=1)
        #: Held by the writer. It keeps the order of arrival; waiting for the pool does not.
        self._turn = asyncio.Lock()
        # Readers never have a transaction to roll back.
        self._reader = make_engine(url, READER, pool_size=4, skip_autocommit_rollback=True)
        for engine in (self._writer, self._reader):
            set_cipher(engine.dialect, cipher)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end, or rolled back by an exception.

        Transactions run one after the other, in the order of the calls.
        Raises StoreError if the database fails: then nothing was written.
        """
        with self._read_errors():
            async with self._turn, self._writer.begin() as connection:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection to read from: each statement sees the newest commit."""
        with self._read_errors():
            async with self._reader.connect() as connection:
                yield connection

    async def rows(self, query: Executable, key: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """Return the rows of one query. Raises StoreError."""
        with self._read_errors():
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
    def _read_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            found = read_error(error, self._url)
            if isinstance(found, StorageFull):
                self.fault = found
            raise found from None


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


def is_chat_of(person: Chat) -> ColumnElement[bool]:
    """Return the condition for the chats of a person: that of this id, and all named "ID-NAME"."""
    chat_id = chats.c.chat_id
    is_theirs = (chat_id == person.chat_id) | chat_id.startswith(
        f"{person.chat_id}-", autoescape=True
    )
    return (chats.c.platform == person.platform) & (chats.c.bot_id == person.bot_id) & is_theirs


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


#: The job has not ended.
IS_OPEN = jobs.c.state.in_(OPEN_STATES)
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
