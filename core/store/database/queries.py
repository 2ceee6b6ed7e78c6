"""Parts of queries that several modules of the store share."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

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
from core.store.database.tables import chats, jobs, messages

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
