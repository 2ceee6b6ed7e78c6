"""Intake of messages: one commit for the message, its job and its recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from core import metrics
from core.interfaces import Recording
from core.models import (
    CANCEL_TOKEN,
    FORM_TOKEN,
    LIVE,
    PAGE,
    WITHHELD,
    ChatSettings,
    Job,
    Message,
    QuotedMessage,
    Reply,
)
from core.permissions import Action, Standing, decide
from core.store.database.dialects import Unindexed
from core.store.database.queries import (
    FORM,
    IS_FORM,
    Database,
    adds_jobs,
    chat_row,
    read_settings,
    writes,
)
from core.store.database.tables import chats, deliveries, jobs, messages, people
from core.store.talk.memory import drop, is_opted_out, remember
from core.store.talk.newcomers import note_sender
from core.store.work.admissions import admit
from core.store.work.buttons import resolve_press
from core.store.work.cancellation import cancel_jobs
from core.store.work.job_rows import NEW_MESSAGE, NewJob, add_job, add_own
from core.store.work.repeats import is_known
from core.store.work.rulings import build_own

#: Returns the command that answers a message in a chat with these settings, None for no reply.
Choose = Callable[[Message, ChatSettings], str | None]
#: Returns the reply of a job that a message cancels, None if it does not cancel that job.
ChooseStopped = Callable[[Message, Job], Reply | None]
# Built once and given its values when it runs: building them in costs more than the insertion.
_QUOTED = (
    select(jobs.c.job_id, jobs.c.command)
    .join(deliveries, deliveries.c.job_id == jobs.c.job_id)
    .where(
        deliveries.c.platform_id.in_((bindparam("of_message"), bindparam("of_live_message"))),
        Unindexed(jobs.c.chat_pk) == bindparam("of_chat"),
    )
    .order_by(jobs.c.seq.desc())
    .limit(1)
)
_FIRST = (
    select(messages.c.message_pk)
    .where(messages.c.chat_pk == bindparam("of_chat"), ~IS_FORM)
    .limit(1)
)
_RESTORE = update(chats).where(chats.c.chat_pk == bindparam("of_chat")).values(gone_at=None)
_NOTE_PLACE = (
    update(chats)
    .where(chats.c.chat_pk == bindparam("of_chat"))
    .values(subject=bindparam("of_subject"), parent=bindparam("of_parent"))
)
#: The command that says that an AI answers.
INTRODUCTION = "introduction"
#: It is noted that seldom when a chat and a person were last there.
_USE_AGE = timedelta(days=1)


def _stop_none(message: Message, job: Job) -> None:
    """Return that a job is not stopped."""


class Intake:
    """What is committed before a platform is told that a message was received."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Returns whether nobody asks for what a command does: its refusal is not told.
        self.is_silent: Callable[[str], bool] = lambda command: False
        #: Returns whether a command works on the text of the message that it replies to.
        self.uses_quote: Callable[[str], bool] = lambda command: True
        #: Returns which process alone can do what a command asks for with a message, "" if any can.
        self.find_process: Callable[[str, Message], str] | None = None
        #: Returns whether nothing on a platform tells people beforehand that an AI answers.
        self.needs_introduction: Callable[[str], bool] = lambda platform: False

    @adds_jobs
    def add(
        self, connection: Connection, message: Message, choose: Choose,
        recording: Recording | None = None, *, choose_stopped: ChooseStopped = _stop_none,
    ) -> Job | None:  # fmt: skip
        """Save `message` and the job it asks for, in one commit.

        recording: if the platform does not keep it. choose_stopped: for /cancel, whose text is then
        the ids of those jobs. Returns None if it is known or asks for nothing new.
        """
        now, chat = self._database.now(), chat_row(connection, message.chat, message.sender_id)
        message, settings = _resolve(connection, chat, message, now), read_settings(chat)
        if message.origin_id not in ("", message.sender_id):
            message = _withhold(connection, message)
        command = choose(message, _remember(connection, chat, message, settings, now))
        may_be_known = message.edit_id or message.button
        if command is None or (may_be_known and is_known(connection, chat.chat_pk, message, now)):
            return None
        if command == "cancel":
            message = _cancel(connection, chat.chat_pk, message, choose_stopped, now)
        message = self._trim_quote(connection, message, command) if message.reply_to else message
        process = self.find_process(command, message) if self.find_process else ""
        is_silent = self.is_silent(command)
        new = NewJob(chat.chat_pk, message, command, recording, is_silent, process=process)
        if chat.used_at is None and self.needs_introduction(message.chat.platform):
            new = _introduce(connection, new, now)
        if (added := _add(connection, new, now)) is None:
            return None
        if chat.gone_at is not None:
            connection.execute(_RESTORE, {"of_chat": chat.chat_pk})
        return Job(added["job_id"], new.message, command, added["state"], 0, now, now, settings)

    @writes
    def open_form(self, connection: Connection, message: Message) -> None:
        """Save a message that has no job: it opens a form, in which the rest is typed."""
        chat_pk = chat_row(connection, message.chat).chat_pk
        row = {"chat_pk": chat_pk, "message_id": message.message_id, "edit_id": FORM}
        message = self._trim_quote(connection, message, message.command)
        row |= {"received_at": self._database.now(), "content": message}
        connection.execute(NEW_MESSAGE, row)

    def _trim_quote(self, connection: Connection, message: Message, command: str) -> Message:
        """Return a message without the text that it replies to if nobody may or need store it."""
        quoted = message.reply_to
        if quoted is None or not quoted.text:
            return message
        others, platform = quoted.author_ids - {message.sender_id}, message.chat.platform
        is_kept = self.uses_quote(command)
        if is_kept and not any(is_opted_out(connection, platform, one) for one in others):
            return message
        return replace(message, reply_to=replace(quoted, text=""))

    @adds_jobs
    def add_own(self, connection: Connection, message: Message) -> bool:
        """Save a message that the program sends to itself, with its job, in one commit.

        Returns False if it is known already.
        """
        row = chat_row(connection, message.chat)
        return add_own(connection, row.chat_pk, message, self._database.now())


def _introduce(connection: Connection, new: NewJob, now: datetime) -> NewJob:
    """Let a person who is new, and has not begun with /start, be told first that an AI answers.

    Where only replies can be sent, the one to this message is to begin with it.
    """
    message = new.message
    # Buttons are below messages of ours; a form may be the first that somebody sees.
    is_press = message.button and not message.button.startswith(FORM_TOKEN)
    is_greeted = new.command == "start" or not message.is_private
    if is_greeted or is_press or connection.execute(_FIRST, {"of_chat": new.chat_pk}).first():
        return new
    if message.chat.is_reachable:
        own = replace(build_own(message, INTRODUCTION, now), reply_token="")
        add_own(connection, new.chat_pk, own, now)
    # Who has to wait for an operator is told so by an AI.
    is_first = not (message.chat.is_reachable or message.is_held)
    return replace(new, message=replace(message, is_first=is_first)) if is_first else new


def _add(connection: Connection, new: NewJob, now: datetime) -> dict[str, Any] | None:
    """Add a job, held or not. Return its row, None if it is known already or not admitted."""
    if new.message.is_held:
        state = admit(connection, new.chat_pk, new.message, now)
        if state is None:
            return None
        new = replace(new, state=state)
    if (added := add_job(connection, new, now)) is None:
        metrics.DUPLICATES.labels(new.message.chat.platform).inc()
    return added


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
    Whom operators decide about in the chat, and the channel of a private thread, are noted for
    messages of the program.
    """
    own = (people.c.person_pk, chat.own_person_pk, chat.own_used_at)
    for key, row, used_at in ((chats.c.chat_pk, chat.chat_pk, chat.used_at), own):
        if used_at and now - used_at > _USE_AGE:
            connection.execute(update(key.table).where(key == row).values(used_at=now))
    if chat.own_speech and chat.own_speech.language:
        message = replace(message, language=chat.own_speech.language)
    subject = message.sender_id if message.is_private else message.server_id
    subject = chat.subject if subject in ("", chat.address) else subject
    parent = (not message.is_private and message.parent_id) or chat.parent
    # Nobody is written to on the page.
    if (subject, parent) != (chat.subject, chat.parent) and chat.platform != PAGE:
        place = {"of_chat": chat.chat_pk, "of_subject": subject, "of_parent": parent}
        connection.execute(_NOTE_PLACE, place)
    if not message.button:
        quoted = message.reply_to
        return (
            replace(message, reply_to=_find_quoted(connection, chat, quoted)) if quoted else message
        )
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
    if message.button or message.is_held or not (may_remember or is_auto):
        return settings
    if chat.is_opted_out:
        return replace(settings, is_auto=False, talk=replace(talk, remember_days=None))
    if not may_remember:
        return settings
    if not message.command and (message.text or message.attachment):
        remember(connection, chat.chat_pk, message)
        note_sender(connection, chat.chat_pk, message, talk, now)
    elif message.edit_id:
        drop(connection, chat, message.message_id, now)
    return settings
