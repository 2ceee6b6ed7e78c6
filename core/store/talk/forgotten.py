"""Whose content is to be forgotten, and how much of it there was."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from sqlalchemy import literal, select, union_all
from sqlalchemy.sql.elements import ColumnElement

from core.models import JOB_ID_CHARS, Message, QuotedMessage, RecordingReference, Reply
from core.store.database.tables import jobs, messages, remembered
from core.store.talk.search import MOVED

#: The error of a job that was forgotten; its outcome is then the state in which it had ended.
FORGOTTEN = "forgotten"


@dataclass(slots=True)
class ForgottenCounts:
    """How much was deleted, by kind."""

    #: Chat and id of each: a message may be both remembered and answered.
    message_ids: set[tuple[int, str]] = field(default_factory=set)
    replies: int = 0
    transcripts: int = 0
    #: What engines wrote and spoke.
    answers: int = 0
    sounds: int = 0
    #: Uploads.
    recordings: int = 0
    voices: int = 0
    corrections: int = 0
    digests: int = 0
    #: Chats whose settings were reset, or whose style was deleted.
    reset: set[int] = field(default_factory=set)
    #: How far a person has read a chat.
    positions: int = 0
    #: Accounts with their settings and links.
    accounts: int = 0
    #: The jobs that were emptied: what is under way may come from them.
    job_ids: set[str] = field(default_factory=set, compare=False)

    @property
    def messages(self) -> int:
        """The number of messages."""
        return len(self.message_ids)

    @property
    def settings(self) -> int:
        """The number of chats whose settings have changed."""
        return len(self.reset)

    def add(self, other: ForgottenCounts) -> None:
        """Add what else was deleted."""
        for one in fields(self):
            own, more = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, own | more if isinstance(own, set) else own + more)


class Whose(Protocol):
    """Whose content is to be forgotten in a chat. Rows: of jobs, with their messages."""

    def is_theirs(self, row: Any) -> bool:
        """Return whether a job is theirs, or about something of theirs."""

    def has_words(self, reply: Reply | None) -> bool:
        """Return whether a reply that rests on the history of the chat has something of theirs."""

    def owns(self, row: Any) -> bool:
        """Return whether the recording of a job is theirs: what others made from it goes, too."""

    def speaks(self, row: Any) -> bool:
        """Return the same for a row of `remembered`."""

    #: Whether the transcripts of what is remembered of them go even if jobs have them.
    frees_talk: bool

    def frees(self, row: Any) -> bool:
        """Return whether the results that a job was given go even if other jobs have them, too."""

    def is_form(self, opener: Message) -> bool:
        """Return whether a form is theirs, or about something of theirs."""

    @property
    def talk(self) -> ColumnElement[bool]:
        """The condition for what is remembered of them in a chat."""


class Everybody:
    """The whole chat."""

    talk, frees_talk = remembered.c.remembered_pk.is_not(None), True

    def is_theirs(self, row: Any) -> bool:
        """Return True."""
        return True

    def owns(self, row: Any) -> bool:
        """Return False: all jobs go anyway."""
        return False

    speaks = owns
    frees = is_form = has_words = is_theirs


class Person:
    """What a person wrote, said and asked, and what others asked about it or forwarded."""

    frees_talk = False

    def __init__(self, ids: Set[str]) -> None:
        """ids: those of the person on the platform of the chat."""
        self.ids = ids - {""}
        of_person = remembered.c.sender_id.in_(self.ids), remembered.c.origin_id.in_(self.ids)
        self.talk = of_person[0] | of_person[1]

    def is_theirs(self, row: Any) -> bool:
        """Return whether they asked, are quoted, or the reply has words of theirs."""
        subjects = (row.content, *recordings_about(row))
        authors = frozenset[str]().union(*(one.author_ids for one in subjects))
        return not self.ids.isdisjoint(authors) or self.has_words(row.reply)

    def has_words(self, reply: Reply | None) -> bool:
        """Return whether a reply has words of theirs, or sums them up."""
        return reply is not None and not self.ids.isdisjoint(reply.people)

    def owns(self, row: Any) -> bool:
        """Return whether it is they who speak in the recording of a job."""
        message: Message = row.content
        spoken = message if message.attachment else message.reply_to
        speakers = [spoken] if spoken and spoken.attachment else []
        return any(map(self.speaks, (*speakers, *recordings_about(row)[1:])))

    def frees(self, row: Any) -> bool:
        """Return False: what somebody else was given, too, stays theirs."""
        return False

    def speaks(self, one: Any) -> bool:
        """Return whether a message is theirs, and not forwarded from somebody else."""
        return (one.origin_id or one.sender_id) in self.ids

    def is_form(self, opener: Message) -> bool:
        """Return whether they opened it, or it is about something of theirs."""
        quoted = opener.reply_to.author_ids if opener.reply_to else frozenset()
        return not self.ids.isdisjoint(opener.author_ids | quoted)


class OneMessage:
    """One message, and what was made from it: what was asked about it, summaries, searches."""

    frees_talk = True

    def __init__(self, message_id: str, job_id: str) -> None:
        """job_id: the job of the message, if known: it has no id any more once its chat moved."""
        self._message_id, self._job_id = message_id, job_id
        asked = (
            select(literal(MOVED) + messages.c.message_id)
            .join(jobs, jobs.c.message_pk == messages.c.message_pk)
            .where(jobs.c.job_id == job_id, messages.c.chat_pk != jobs.c.chat_pk)
        )
        ids = union_all(select(literal(message_id)), asked)
        self.talk = remembered.c.message_id.in_(ids)

    def is_theirs(self, row: Any) -> bool:
        """Return whether it is the job of the message, about it, or has words of it."""
        return self.frees(row) or (_is_here(row) and self.has_words(row.reply))

    def has_words(self, reply: Reply | None) -> bool:
        """Return whether the message is one of the sources of a reply."""
        linked = (one.message_id for one in reply.links) if reply else ()
        return reply is not None and self._message_id in (*linked, *reply.sources)

    def frees(self, row: Any) -> bool:
        """Return whether it is the job of the message or about it. Others have more sources."""
        if row.job_id == self._job_id:
            return True
        quoted, *about = recordings_about(row)
        is_about = has_content(quoted) and self._is_it(quoted)
        return _is_here(row) and (is_about or any(map(self._is_it, (row.content, *about))))

    def owns(self, row: Any) -> bool:
        """Return False: the same recording may have come with another message."""
        return False

    speaks = owns

    def is_form(self, opener: Message) -> bool:
        """Return whether it is about the message."""
        return bool(opener.reply_to and self._is_it(opener.reply_to))

    def _is_it(self, one: Message | QuotedMessage | RecordingReference) -> bool:
        return one.message_id == self._message_id != ""


class Copies:
    """Jobs that have something of it in another chat, and what was made from their replies."""

    talk, frees_talk = remembered.c.remembered_pk.is_(None), False

    def __init__(self, job_ids: Iterable[str]) -> None:
        self._job_ids = set(job_ids)

    def is_theirs(self, row: Any) -> bool:
        """Return whether it is one of the jobs. They are asked about in order of arrival."""
        is_one = not self._job_ids.isdisjoint({row.job_id, parent_of(row.content)})
        if is_one:
            self._job_ids.add(row.job_id)
        return is_one

    def owns(self, row: Any) -> bool:
        """Return False: others may have the results, too."""
        return False

    frees = speaks = is_form = has_words = owns


def has_content(quoted: QuotedMessage | RecordingReference) -> bool:
    """Return whether what is quoted is more than a place in the chat."""
    return quoted.attachment is not None or (
        isinstance(quoted, QuotedMessage) and quoted.text != ""
    )


def _is_here(row: Any) -> bool:
    """Return whether the chat has not moved since: ids from before belong to other messages now."""
    return bool(row.origin_pk == row.chat_pk)


_NOTHING = QuotedMessage("")


def recordings_about(
    row: Any,
) -> tuple[QuotedMessage | RecordingReference, *tuple[RecordingReference, ...]]:
    """Return what a job quotes, and the recordings that its reply is about."""
    return (row.content.reply_to or _NOTHING, *(row.reply.about if row.reply else ()))


def parent_of(message: Message) -> str:
    """Return the id of the job whose reply a message replies to, or has the button of; or ""."""
    if message.reply_to and message.reply_to.job_id:
        return message.reply_to.job_id
    return message.button[:JOB_ID_CHARS]
