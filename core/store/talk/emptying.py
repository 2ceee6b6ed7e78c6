"""Emptying jobs: their messages, replies and recordings, and the paid results they were given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update

from core.models import OPEN_STATES, JobState, Message
from core.store.database.encryption import digest
from core.store.database.queries import IS_CANCELLED, IS_OPEN
from core.store.database.schema import uses
from core.store.database.tables import answers, buttons, jobs, messages, remembered, sounds
from core.store.recordings import Recordings
from core.store.talk.belongings import reset_chat
from core.store.talk.forgotten import (
    FORGOTTEN,
    ForgottenCounts,
    Person,
    Whose,
    parent_of,
    recordings_about,
)
from core.store.talk.memory import drop_transcripts
from core.store.talk.search import MOVED


@dataclass(slots=True)
class ForgetTask:
    """What is forgotten in one chat."""

    chat_pk: int
    whose: Whose
    counts: ForgottenCounts
    #: Everything of the person, wherever it is: a private chat with them is theirs as a whole.
    is_everywhere: bool = False


class Emptying:
    """Empties jobs, in the transaction of the caller."""

    def __init__(self, recordings: Recordings) -> None:
        self._recordings = recordings

    def run(self, connection: Connection, task: ForgetTask, rows: Sequence[Any]) -> None:
        """Empty ended jobs, and all that used a recording of theirs, in the same transaction."""
        while rows:
            owned = _drop_results_of(connection, task, rows)
            self._empty_jobs(connection, rows, task.counts)
            if task.is_everywhere and any(_is_private(task.whose, row) for row in rows):
                reset_chat(connection, task.chat_pk, task.counts)
            rows = find_users(connection, task.chat_pk, owned)

    def _empty_jobs(
        self, connection: Connection, rows: Sequence[Any], counts: ForgottenCounts
    ) -> None:
        """Empty jobs. Their rows stay, so that an update that comes again is still known.

        Of one that is cancelled but has not ended yet, where its last reply goes is kept.
        """
        job_ids = [row.job_id for row in rows]
        message_pks = [row.message_pk for row in rows]
        counts.job_ids.update(job_ids)
        counts.message_ids |= {(row.chat_pk, _message_id(row)) for row in rows}
        is_reply = (row.reply and row.outcome != JobState.CANCELLED for row in rows)
        counts.replies += sum(map(bool, is_reply))
        is_job = jobs.c.job_id.in_(job_ids)
        ended = {"reply": None, "outcome": jobs.c.state, "state": JobState.CANCELLED}
        connection.execute(update(jobs).where(is_job).values(person=None))
        change = update(jobs).where(is_job, ~IS_OPEN)
        connection.execute(change.values(**ended, error=FORGOTTEN))
        is_message = messages.c.message_pk.in_(message_pks)
        connection.execute(update(messages).where(is_message).values(content=None))
        for row in rows:
            if row.state in OPEN_STATES:
                change = update(messages).where(messages.c.message_pk == row.message_pk)
                connection.execute(change.values(content=_strip(row.content)))
        connection.execute(delete(buttons).where(buttons.c.job_id.in_(job_ids)))
        counts.recordings += self._recordings.drop(connection, message_pks)


def select_ended() -> Select[Any]:
    """Return the query for the ended or cancelled jobs that have content."""
    return (
        select(jobs, messages.c.content, messages.c.chat_pk.label("origin_pk"))
        .join(messages, messages.c.message_pk == jobs.c.message_pk)
        .where(~IS_OPEN | IS_CANCELLED, messages.c.content.is_not(None))
    )


def select_jobs_of(chat_pk: int) -> Select[Any]:
    """Return the same for one chat."""
    return select_ended().where(jobs.c.chat_pk == chat_pk)


def find_users(connection: Connection, chat_pk: int, keys: Collection[str]) -> Sequence[Any]:
    """Return the jobs that were given one of these results."""
    if not keys:
        return ()
    users = select(uses.c.job_id).where(uses.c.key.in_(keys))
    return connection.execute(select_jobs_of(chat_pk).where(jobs.c.job_id.in_(users))).all()


def _drop_results_of(connection: Connection, task: ForgetTask, rows: Sequence[Any]) -> set[str]:
    """Delete the paid results that jobs were given. Return the keys of those that are theirs."""
    is_job = uses.c.job_id.in_([row.job_id for row in rows])
    keys: dict[str, set[str]] = defaultdict(set)
    for use in connection.execute(select(uses).where(is_job)):
        keys[use.job_id].add(use.key)
    for row in rows:
        heard = {row.reply.heard_key} if row.reply else set()
        heard |= {one.heard for one in recordings_about(row)[1:]}
        keys[row.job_id] |= {digest(connection, uses.c.key, key) for key in heard}
    connection.execute(delete(uses).where(is_job))
    owned, freed = (
        set[str]().union(*(keys[row.job_id] for row in rows if is_chosen(row))) - {""}
        for is_chosen in (task.whose.owns, task.whose.frees)
    )
    every = set[str]().union(*keys.values())
    histories = find_histories(connection, task.chat_pk, rows)
    free_results(connection, histories, task.counts, owned | freed, every)
    return owned


def find_histories(connection: Connection, chat_pk: int, rows: Sequence[Any]) -> set[int]:
    """Return the chats whose histories jobs of a chat may have read.

    The button of a summary in a private chat stands in the chat that it sums up.
    """
    asked = jobs.c.job_id.in_({parent_of(row.content) for row in rows} - {""})
    return {chat_pk, *connection.execute(select(jobs.c.chat_pk).where(asked)).scalars()}


def free_results(
    connection: Connection,
    chat_pks: Collection[int],
    counts: ForgottenCounts,
    keys: Set[str],
    others: Set[str],
) -> None:
    """Delete paid results: those of `keys`, and of the others what no job and no history has.

    chat_pks: the chats of these histories.
    """
    used = select(uses.c.key).where(uses.c.key.in_(others - keys))
    is_kept = remembered.c.chat_pk.in_(chat_pks) & remembered.c.heard_key.in_(others - keys)
    heard = select(remembered.c.heard_key).where(is_kept)
    keep = {key for query in (used, heard) for key in connection.execute(query).scalars()}
    keys = keys | (others - keep)
    counts.transcripts += drop_transcripts(connection, keys)
    is_key = answers.c.key.in_(keys)
    counts.answers += connection.execute(delete(answers).where(is_key)).rowcount
    is_key = sounds.c.key.in_(keys)
    counts.sounds += connection.execute(delete(sounds).where(is_key)).rowcount


def drop_unfinished(
    connection: Connection, chat_pks: Collection[int], job_ids: Collection[str]
) -> None:
    """Delete what jobs have paid for and what no reply shows, since it may have anybody's words.

    chat_pks: the chats whose histories they read.
    """
    is_job = uses.c.job_id.in_(job_ids)
    keys = set(connection.execute(select(uses.c.key).where(is_job)).scalars())
    connection.execute(delete(uses).where(is_job))
    if keys:
        free_results(connection, chat_pks, ForgottenCounts(), set(), keys)


def _is_private(whose: Whose, row: Any) -> bool:
    """Return whether a job is from a private chat of the person."""
    message: Message = row.content
    return message.is_private and isinstance(whose, Person) and message.sender_id in whose.ids


def _strip(message: Message) -> Message:
    """Return a message with no more than what a reply to it needs."""
    return replace(
        message,
        sender_id="",
        sender_name="",
        text="",
        button="",
        attachment=None,
        reply_to=None,
        forwarded_from="",
        origin_id="",
    )


def _message_id(row: Any) -> str:
    """Return the id under which the message of a job is remembered."""
    moved = "" if row.origin_pk == row.chat_pk else MOVED
    return f"{moved}{row.content.message_id}"
