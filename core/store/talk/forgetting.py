"""Deletion on request: people's messages, the replies to them, and transcripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, delete, literal, select, union_all, update

from core.models import OPEN_STATES, Chat, JobState, Message, RecordingReference
from core.store.database.queries import IS_CANCELLED, IS_FORM, IS_OPEN, Database, is_chat, writes
from core.store.database.tables import buttons, chats, jobs, messages, remembered
from core.store.recordings import Recordings
from core.store.talk.memory import EMPTY, IS_KEPT, drop_transcripts
from core.store.talk.search import MOVED

#: Jobs that are read and emptied at once, to hold the write lock briefly.
_BATCH = 100


@dataclass(slots=True)
class ForgottenCounts:
    """How much was deleted."""

    #: A set: a message may be both remembered and answered.
    message_ids: set[str] = field(default_factory=set)
    answers: int = 0
    transcripts: int = 0

    @property
    def messages(self) -> int:
        """The number of messages."""
        return len(self.message_ids)


class Forgetting:
    """Deletes stored content with everything derived from it. Safe to repeat.

    Jobs under way are to be cancelled before: only then they are deleted with the rest.
    """

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._recordings = recordings

    async def forget_person(self, chat: Chat, person_id: str) -> ForgottenCounts:
        """Delete what a person wrote, said and asked in a chat, and what others asked about it."""

        def is_theirs(row: Any) -> bool:
            message: Message = row.content
            quoted = message.reply_to
            is_quoted = quoted and quoted.attachment and quoted.sender_id == person_id
            is_about = person_id in {subject.sender_id for subject in _about(row)}
            return message.sender_id == person_id or bool(is_quoted) or is_about

        def is_form(opener: Message) -> bool:
            quoted = opener.reply_to
            return person_id in (opener.sender_id, quoted.sender_id if quoted else "")

        await self._forget_forms(chat, is_form)
        return await self._forget(chat, remembered.c.sender_id == person_id, is_theirs)

    async def forget_message(
        self, chat: Chat, message_id: str, job_id: str = ""
    ) -> ForgottenCounts:
        """Delete one message, and what was asked about it.

        job_id: the job of the message, if known. A message has no id any more once its chat has
        moved.
        """

        def is_it(row: Any) -> bool:
            message: Message = row.content
            quoted = message.reply_to
            is_quoted = quoted and quoted.attachment and quoted.message_id == message_id
            # Ids from before the chat moved belong to other messages now.
            is_here = row.origin_pk == row.chat_pk
            is_about = message_id in {subject.message_id for subject in _about(row)}
            is_meant = message.message_id == message_id or bool(is_quoted) or is_about
            return row.job_id == job_id or (is_here and is_meant)

        asked = (
            select(literal(MOVED) + messages.c.message_id)
            .join(jobs, jobs.c.message_pk == messages.c.message_pk)
            .where(jobs.c.job_id == job_id, messages.c.chat_pk != jobs.c.chat_pk)
        )
        await self._forget_forms(
            chat, lambda one: bool(one.reply_to and one.reply_to.message_id == message_id)
        )
        ids = union_all(select(literal(message_id)), asked)
        return await self._forget(chat, remembered.c.message_id.in_(ids), is_it)

    async def _forget(
        self, chat: Chat, talk: Any, is_job: Callable[[Any], bool]
    ) -> ForgottenCounts:
        counts = ForgottenCounts()
        await self._forget_talk(chat, talk, counts)
        async for rows in self._jobs(chat):
            if chosen := [row for row in rows if is_job(row)]:
                await self._empty(chosen, counts)
        await self._recordings.sweep()
        return counts

    async def _forget_forms(self, chat: Chat, is_it: Callable[[Message], bool]) -> None:
        """Delete what forms are about that nobody has submitted, or not yet."""
        query = (
            select(messages.c.message_pk, messages.c.content)
            .join(chats, chats.c.chat_pk == messages.c.chat_pk)
            .where(is_chat(chat), IS_FORM)
        )
        found = [row.message_pk for row in await self._database.rows(query) if is_it(row.content)]
        change = delete(messages).where(messages.c.message_pk.in_(found))
        await self._database.write(lambda one: one.execute(change))

    @writes
    def _forget_talk(
        self, connection: Connection, chat: Chat, condition: Any, counts: ForgottenCounts
    ) -> None:
        here = select(chats.c.chat_pk).where(is_chat(chat)).scalar_subquery()
        is_it = (remembered.c.chat_pk == here) & condition & IS_KEPT
        query = select(remembered.c.message_id, remembered.c.heard_key).where(is_it)
        found = connection.execute(query).all()
        counts.message_ids |= {row.message_id for row in found}
        connection.execute(update(remembered).where(is_it).values(EMPTY))
        keys = {row.heard_key for row in found if row.heard_key}
        counts.transcripts += drop_transcripts(connection, keys)

    async def _jobs(self, chat: Chat) -> AsyncIterator[Sequence[Any]]:
        query = (
            select(jobs, messages.c.content, messages.c.chat_pk.label("origin_pk"))
            .join(messages, messages.c.message_pk == jobs.c.message_pk)
            .join(chats, chats.c.chat_pk == jobs.c.chat_pk)
            .where(is_chat(chat), ~IS_OPEN | IS_CANCELLED, messages.c.content.is_not(None))
            .order_by(jobs.c.seq)
            .limit(_BATCH)
        )
        seq = 0
        while True:
            rows = await self._database.rows(query.where(jobs.c.seq > seq))
            if not rows:
                return
            yield rows
            seq = rows[-1].seq

    @writes
    def _empty(self, connection: Connection, rows: Sequence[Any], counts: ForgottenCounts) -> None:
        """Empty ended jobs. Their rows stay, so that an update that comes again is still known.

        Of one that is cancelled but has not ended yet, where its last reply goes is kept.
        """
        job_ids = [row.job_id for row in rows]
        message_pks = [row.message_pk for row in rows]
        keys = {row.reply.heard_key for row in rows if row.reply and row.reply.heard_key}
        keys |= {subject.heard for row in rows for subject in _about(row) if subject.heard}
        counts.message_ids |= {_message_id(row) for row in rows}
        is_reply = (row.reply and row.outcome != JobState.CANCELLED for row in rows)
        counts.answers += sum(map(bool, is_reply))
        is_job = jobs.c.job_id.in_(job_ids)
        ended = {"reply": None, "state": JobState.CANCELLED, "error": "forgotten"}
        connection.execute(update(jobs).where(is_job, ~IS_OPEN).values(ended))
        is_message = messages.c.message_pk.in_(message_pks)
        connection.execute(update(messages).where(is_message).values(content=None))
        for row in rows:
            if row.state in OPEN_STATES:
                change = update(messages).where(messages.c.message_pk == row.message_pk)
                connection.execute(change.values(content=_strip(row.content)))
        connection.execute(delete(buttons).where(buttons.c.job_id.in_(job_ids)))
        self._recordings.drop(connection, message_pks)
        counts.transcripts += drop_transcripts(connection, keys)


def _strip(message: Message) -> Message:
    """Return a message with no more than what a reply to it needs."""
    return replace(
        message, sender_name="", text="", attachment=None, reply_to=None, forwarded_from=""
    )


def _message_id(row: Any) -> str:
    """Return the id under which the message of a job is remembered."""
    moved = "" if row.origin_pk == row.chat_pk else MOVED
    return f"{moved}{row.content.message_id}"


def _about(row: Any) -> tuple[RecordingReference, ...]:
    """Return the recordings that the reply of a job is about."""
    about: tuple[RecordingReference, ...] = row.reply.about if row.reply else ()
    return about
