"""Intake of messages: one commit for the message, its job and its recording."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from core.interfaces import Recording
from core.models import (
    CANCEL_TOKEN,
    FORM_TOKEN,
    LIVE,
    WITHHELD,
    Attachment,
    ChatSettings,
    Job,
    JobState,
    Message,
    QuotedMessage,
    Reply,
)
from core.permissions import Action, Standing, decide
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import (
    FORM,
    IS_FORM,
    IS_OPEN,
    Database,
    adds_jobs,
    chat_row,
    insert_new,
    read_settings,
    unindexed,
    writes,
)
from core.store.database.tables import chats, deliveries, jobs, messages, people
from core.store.recordings import keep
from core.store.talk.memory import drop, is_opted_out, remember
from core.store.work.buttons import resolve_press
from core.store.work.cancellation import cancel_jobs

#: Returns the command that answers a message in a chat with these settings, None for no reply.
Choose = Callable[[Message, ChatSettings], str | None]
#: Returns the reply of a job that a message cancels, None if it does not cancel that job.
ChooseStopped = Callable[[Message, Job], Reply | None]
# Built once and given its values when it runs: building them in costs more than the insertion.
_NEW_JOB = jobs.insert()
_NEW_MESSAGE = insert_new(messages).returning(messages.c.message_pk)
_QUOTED = (
    select(jobs.c.job_id, jobs.c.command)
    .join(deliveries, deliveries.c.job_id == jobs.c.job_id)
    .where(
        deliveries.c.platform_id.in_((bindparam("of_message"), bindparam("of_live_message"))),
        unindexed(jobs.c.chat_pk) == bindparam("of_chat"),
    )
    .order_by(jobs.c.seq.desc())
    .limit(1)
)
_RESTORE = update(chats).where(chats.c.chat_pk == bindparam("of_chat")).values(gone_at=None)
_USE_CHAT = update(chats).where(chats.c.chat_pk == bindparam("of_row"))
_USE_PERSON = update(people).where(people.c.person_pk == bindparam("of_row"))
_PRESSES = (
    select(messages.c.content)
    .join(jobs, jobs.c.message_pk == messages.c.message_pk)
    .where(
        (IS_OPEN & (jobs.c.chat_pk == bindparam("of_chat")))
        | (
            (jobs.c.finished_at > bindparam("since", type_=UtcDateTime()))
            & (unindexed(jobs.c.chat_pk) == bindparam("of_chat"))
        ),
    )
)
#: How long after its answer another press of a button still belongs to the one before.
_PRESS_AGE = timedelta(seconds=3)
#: It is noted that seldom when a chat and a person were last there.
_USE_AGE = timedelta(days=1)


class Intake:
    """What is committed before a platform is told that a message was received."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @adds_jobs
    def add(
        self, connection: Connection, message: Message, choose: Choose,
        recording: Recording | None = None, *,
        choose_stopped: ChooseStopped = lambda message, job: None,
    ) -> Job | None:  # fmt: skip
        """Save `message` and the job it asks for, in one commit.

        recording: the one that it came with, where the platform does not keep it.
        choose_stopped: used for /cancel, which then has the ids of those jobs as its text.
        Returns None if the message is known already or asks for nothing new.
        """
        now, chat = self._database.now(), chat_row(connection, message.chat, message.sender_id)
        message = _resolve(connection, chat, message, now)
        if message.origin_id not in ("", message.sender_id):
            message = _withhold(connection, message)
        settings = read_settings(chat)
        chosen = _remember(connection, chat, message, settings, now)
        command, key = choose(message, chosen), chat.chat_pk
        may_be_known = message.edit_id or message.button
        if command is None or (may_be_known and _is_known(connection, key, message, now)):
            return None
        if command == "cancel":
            message = _cancel(connection, key, message, choose_stopped, now)
        if (added := _add_job(connection, key, message, command, now)) is None:
            return None
        if chat.gone_at is not None:
            connection.execute(_RESTORE, {"of_chat": key})
        if recording is not None:
            keep(connection, added[0], recording)
        return Job(added[1], message, command, JobState.WAITING, 0, now, now, settings)

    @writes
    def open_form(self, connection: Connection, message: Message) -> None:
        """Save a message that has no job: it opens a form, in which the rest is typed."""
        chat_pk = chat_row(connection, message.chat).chat_pk
        row = {"chat_pk": chat_pk, "message_id": message.message_id, "edit_id": FORM}
        row |= {"received_at": self._database.now(), "content": message}
        connection.execute(_NEW_MESSAGE, row)

    @adds_jobs
    def add_own(self, connection: Connection, message: Message) -> bool:
        """Save a message that the program sends to itself, with its job, in one commit.

        Returns False if it is known already.
        """
        row = chat_row(connection, message.chat)
        return add_own(connection, row.chat_pk, message, self._database.now())


def _cancel(
    connection: Connection,
    chat_pk: int,
    message: Message,
    choose: ChooseStopped,
    now: datetime,
) -> Message:
    """Cancel jobs now: the job of /cancel itself would wait for them. Return it with their ids."""
    known = select(messages.c.message_pk).where(
        messages.c.chat_pk == chat_pk,
        messages.c.message_id == message.message_id,
        messages.c.edit_id == message.edit_id,
    )
    if connection.execute(known).first():
        return message
    stopped = cancel_jobs(connection, message.chat, partial(choose, message), now)
    return replace(message, text=" ".join(job.job_id for job in stopped))


def _resolve(connection: Connection, chat: Any, message: Message, now: datetime) -> Message:
    """Fill in the sender's own language, what is quoted, or what the pressed button or form is for.

    Those of another chat or person do nothing. Chat and sender are in use: their settings stay.
    """
    if chat.used_at and now - chat.used_at > _USE_AGE:
        connection.execute(_USE_CHAT.values(used_at=now), {"of_row": chat.chat_pk})
    if chat.own_used_at and now - chat.own_used_at > _USE_AGE:
        connection.execute(_USE_PERSON.values(used_at=now), {"of_row": chat.own_person_pk})
    if chat.own_speech and chat.own_speech.language:
        message = replace(message, language=chat.own_speech.language)
    if not message.button:
        if message.reply_to is None:
            return message
        return replace(message, reply_to=_find_quoted(connection, chat, message.reply_to))
    if message.button.startswith(CANCEL_TOKEN):
        return replace(message, command="cancel", text=message.button.removeprefix(CANCEL_TOKEN))
    if message.button.startswith(FORM_TOKEN):
        return _resolve_form(connection, chat, message)
    return resolve_press(connection, chat, message, now)


def _resolve_form(connection: Connection, chat: Any, message: Message) -> Message:
    """Return a submitted form with the command and the quoted message of the one that opened it."""
    query = select(messages.c.content).where(
        messages.c.chat_pk == chat.chat_pk,
        messages.c.message_id == message.button.removeprefix(FORM_TOKEN),
        # Else anybody could give the command of a button they have pressed a text of their own.
        IS_FORM,
    )
    opener: Message | None = connection.execute(query).scalar()
    is_own = opener is not None and opener.sender_id == message.sender_id
    may_submit = decide(Action.SUBMIT_FORM, Standing(is_own=is_own))
    if opener is None or opener.reply_to is None or not may_submit:
        return replace(message, command="stale_button")
    quoted = _find_quoted(connection, chat, opener.reply_to)
    return replace(message, command=opener.command, reply_to=quoted)


def _find_quoted(connection: Connection, chat: Any, quoted: QuotedMessage) -> QuotedMessage:
    """Return the quoted message with its job and command, if it is a reply of ours."""
    live_id = f"{LIVE}{quoted.message_id}"
    key = {"of_message": quoted.message_id, "of_live_message": live_id, "of_chat": chat.chat_pk}
    row = connection.execute(_QUOTED, key).one_or_none()
    return replace(quoted, job_id=row.job_id, command=row.command) if row else quoted


def _withhold(connection: Connection, message: Message) -> Message:
    """Return a message without what it forwards of who has opted out. A group gets no reply."""
    if not is_opted_out(connection, message.chat.platform, message.origin_id):
        return message
    message = replace(message, command=WITHHELD if message.is_private else "", text="")
    message = replace(message, attachment=None, has_other_file=False)
    return replace(message, forwarded_from="", origin_id="")


def _remember(
    connection: Connection, chat: Any, message: Message, settings: ChatSettings, now: datetime
) -> ChatSettings:
    """Remember the message if its chat wants that. An edit into a command forgets it.

    Returns the settings that hold for its sender: who opted out is never transcribed unasked.
    """
    talk = settings.talk
    may_remember = message.forwarded_from if message.is_private else talk.remember_days
    is_auto = settings.is_auto and not message.is_private
    if message.button or not (may_remember or is_auto):
        return settings
    if chat.is_opted_out:
        return replace(settings, is_auto=False, talk=replace(talk, remember_days=None))
    if not may_remember:
        return settings
    if not message.command and (message.text or message.attachment):
        remember(connection, chat.chat_pk, message)
    elif message.edit_id:
        drop(connection, chat, message.message_id, now)
    return settings


def _is_known(connection: Connection, chat_pk: int, message: Message, now: datetime) -> bool:
    """Return whether a message asks for nothing new.

    An edit that asks for what an earlier version asked for; a button that its presser has pressed,
    for the same, and that is being answered or just was.
    """
    if message.button:
        key = {"of_chat": chat_pk, "since": now - _PRESS_AGE}
        presses = connection.execute(_PRESSES, key).scalars().all()
        return _asks_by_press(message) in [_asks_by_press(p) for p in presses if p is not None]
    query = select(messages.c.content).where(
        messages.c.chat_pk == chat_pk, messages.c.message_id == message.message_id
    )
    found = connection.execute(query).scalars().all()
    return _asks(message) in [_asks(content) for content in found if content is not None]


def _asks(message: Message) -> tuple[str, str, Attachment | None]:
    """Return what a message asks for."""
    # That of a stored /cancel is what it has cancelled.
    has_text = message.command not in ("", "cancel")
    return message.command, message.text if has_text else "", message.attachment


def _asks_by_press(message: Message) -> tuple[object, ...]:
    """Return what a press asks for. After an edit the same button asks for another text."""
    return message.button, message.sender_id, *_asks(message)


def add_own(connection: Connection, chat_pk: int, message: Message, now: datetime) -> bool:
    """Save a message that the program sends to itself in a chat, with its job.

    Returns False if it is known already.
    """
    return _add_job(connection, chat_pk, message, message.command, now) is not None


def _add_job(
    connection: Connection, chat_pk: int, message: Message, command: str, now: datetime
) -> tuple[int, str] | None:
    """Save a message and its job. Return its key and the job's id, None if it is known already."""
    row = {"chat_pk": chat_pk, "message_id": message.message_id, "edit_id": message.edit_id}
    found = connection.execute(_NEW_MESSAGE, {**row, "received_at": now, "content": message})
    message_pk: int | None = found.scalar()
    if message_pk is None:
        return None
    job_id = secrets.token_hex(5)
    values: dict[str, Any] = {
        "job_id": job_id,
        "message_pk": message_pk,
        "chat_pk": chat_pk,
        "command": command,
        "state": JobState.WAITING,
        "attempts": 0,
        "crashes": 0,
        "created_at": now,
        "run_at": now,
        "error": "",
        "outcome": JobState.DONE,
    }
    connection.execute(_NEW_JOB, values)
    return message_pk, job_id
