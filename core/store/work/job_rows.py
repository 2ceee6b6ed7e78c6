"""New rows for a message and its job: the only place where jobs are added."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from core.interfaces import Recording
from core.models import JobState, Message
from core.store.database.queries import insert_new
from core.store.database.tables import jobs, messages
from core.store.recordings import keep
from core.store.work import excess
from core.store.work.queue import enqueue_new, find_queue, has_queue
from core.store.work.turns import COST_S, NEXT_TURN, SHARED_TURN, UNKNOWN_COST_S

# Built once and given its values when it runs: building them in costs more than the insertion.
_NEW_JOB = jobs.insert().values(turn=NEXT_TURN)
_NEW_SHARED_JOB = jobs.insert().values(turn=SHARED_TURN).returning(jobs.c.turn)
NEW_MESSAGE = insert_new(messages)
_NEW_MESSAGE_COUNTED = NEW_MESSAGE.returning(messages.c.message_pk, *excess.OPEN_COUNTS)
#: What all new jobs begin with.
_NEW: dict[str, Any] = {
    "outcome": JobState.DONE,
    **dict.fromkeys(("attempts", "crashes"), 0),
    "error": "",
}
#: Of the turns of many processes, in seconds.
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
#: What takes effect, or has to, before everything else that waits: /cancel, and what operators do.
_URGENT = frozenset({"cancel", "admin"})


@dataclass(frozen=True, slots=True)
class NewJob:
    """A message, and the command that answers it."""

    chat_pk: int
    message: Message
    command: str
    recording: Recording | None = None
    #: Nobody has asked for it.
    is_silent: bool = False
    #: It is the program's own, and never refused.
    is_own: bool = False
    state: JobState = JobState.WAITING
    #: None = at once.
    run_at: datetime | None = None
    #: The process that alone can run it, as long as that lives; empty for any.
    process: str = ""


def add_own(
    connection: Connection,
    chat_pk: int,
    message: Message,
    now: datetime,
    run_at: datetime | None = None,
) -> bool:
    """Save a message that the program sends to itself in a chat, with its job.

    Returns False if it is known already.
    """
    own = NewJob(chat_pk, message, message.command, is_own=True, run_at=run_at)
    return add_job(connection, own, now) is not None


def add_job(connection: Connection, new: NewJob, now: datetime) -> dict[str, Any] | None:
    """Save a message and its job. Return the job's row, None if it is known already."""
    message, key, chat = new.message, new.chat_pk, new.message.chat
    # What nobody has sent is the chat's own.
    sender = message.sender_id or f"{chat.bot_id}|{chat.chat_id}"
    person = f"{chat.platform}|{sender}"
    row = {"chat_pk": key, "message_id": message.message_id, "edit_id": message.edit_id}
    row |= {"received_at": now, "content": message, "of_person": person, "of_chat": key}
    if (found := connection.execute(_NEW_MESSAGE_COUNTED, row).one_or_none()) is None:
        return None
    is_held = new.state is JobState.HELD
    values = {**_NEW, "job_id": secrets.token_hex(5), "message_pk": found.message_pk}
    values |= {"chat_pk": key, "command": new.command, "state": new.state, "person": person}
    values |= {"created_at": now, "run_at": new.run_at or now, "is_urgent": new.command in _URGENT}
    # What tells the person that it is held does not wait for it.
    values |= {"is_told": is_held}
    is_over = found.of_person >= excess.MAX_OF_PERSON or found.in_chat >= excess.MAX_IN_CHAT
    # A /cancel whose text names jobs has ended them: it makes room.
    is_taken = new.is_own or new.command == "admin" or (new.command == "cancel" and message.text)
    if is_over and not is_taken:
        is_silent = new.is_silent or is_held
        values |= excess.refuse(connection, message, found, values, is_silent=is_silent)
    elif new.recording is not None:
        keep(connection, found.message_pk, new.recording)
    own = {"of_person": person, "cost": _estimate_cost(message)}
    if has_queue(connection):
        _add_shared(connection, values | own, found.of_person, new.process)
    else:
        connection.execute(_NEW_JOB, values | own)
    return values


def _add_shared(
    connection: Connection, values: dict[str, Any], open_jobs: int, process: str
) -> None:
    """Insert a job that other processes may run, and its entry in a queue.

    open_jobs: how many others its person has. process: the one that alone can run it, if any.
    """
    now_s = int((values["created_at"] - _EPOCH).total_seconds())
    placed = {"in_chat": values["chat_pk"], "now_s": now_s}
    turn = connection.execute(_NEW_SHARED_JOB, values | placed).scalar_one()
    if values["state"] == JobState.WAITING:
        enqueue_new(connection, values, turn, find_queue(values, open_jobs, process))


def _estimate_cost(message: Message) -> int:
    """Return what a job counts for, in seconds of audio."""
    quoted = message.reply_to.attachment if message.reply_to else None
    recording = message.attachment or quoted
    length_s = recording.duration_s if recording else 0.0
    return UNKNOWN_COST_S if length_s is None else int(min(COST_S[-1], max(COST_S[0], length_s)))
