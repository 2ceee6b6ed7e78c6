"""What an operator decides about a chat, person or server, and what follows for those who wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from core.admission import Decision, DecisionChange, find_subject
from core.models import AccessRequest, Chat, Job, JobState, Message
from core.store.audit import note_action
from core.store.database.dialects import take_turns
from core.store.database.operator_tables import admissions
from core.store.database.queries import chat_row, read_job, select_jobs
from core.store.database.tables import jobs
from core.store.events import RULES, notify
from core.store.work.job_rows import add_own
from core.store.work.queue import enqueue_again

#: The error of jobs that have ended because somebody was denied or banned.
_NOT_ADMITTED = "not admitted"
_IS_HELD = jobs.c.state == JobState.HELD
_IS_REFUSED = (jobs.c.state == JobState.CANCELLED) & (jobs.c.error == _NOT_ADMITTED)
#: Decisions that a ban suspends. A request does not wait for its end: what was held has ended.
_LASTING = (Decision.APPROVED, Decision.DENIED)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision, see `Admissions.decide`."""

    operator: str
    decision: Decision | None
    now: datetime
    is_first: bool = False

    def choose(self, before: Decision | None, known: AccessRequest) -> Decision | None:
        """Return what holds from now on about somebody of whom `before` did."""
        is_decided = before not in (None, Decision.ASKED) and known.by != self.operator
        if self.is_first and is_decided:
            return before
        if self.decision is None and before is Decision.BANNED:
            return Decision(known.earlier) if known.earlier else None
        return self.decision or before

    def describe(self, before: Decision | None, known: AccessRequest) -> AccessRequest:
        """Return what is stored with the decision. The name is not: a decision is kept for ever."""
        new = AccessRequest(known.platform, known.subject, "", self.now, by=self.operator)
        if self.decision is None:
            return replace(new, by=known.earlier_by)
        if self.decision is Decision.BANNED and before in _LASTING:
            return replace(new, earlier=before, earlier_by=known.by)
        return new


def rule(connection: Connection, platform: str, subject: str, ruling: Ruling) -> DecisionChange:
    """Save a decision about one chat, person or server, and log it."""
    take_turns(connection, name_turns(platform, subject))
    row = connection.execute(select(admissions).where(is_about(platform, subject))).one_or_none()
    before = Decision(row.decision) if row else None
    known = row.content if row else AccessRequest(platform, subject, "", ruling.now)
    after = ruling.choose(before, known)
    change = DecisionChange(platform, subject, before, after, known.by)
    if after is before:
        return change
    connection.execute(delete(admissions).where(is_about(platform, subject)))
    if after:
        values = {"platform": platform, "subject": subject, "decision": after, "is_told": True}
        values |= {"changed_at": ruling.now, "content": ruling.describe(before, known)}
        connection.execute(admissions.insert(), values)
    action = ruling.decision or "unbanned"
    note_action(connection, ruling.now, ruling.operator, action, change.who)
    _follow(connection, change, ruling.now)
    return change


def move_decision(
    connection: Connection, old: Chat, new: Chat, now: datetime
) -> DecisionChange | None:
    """Let what was decided about a group hold for its new id, unless something was decided there.

    Operators are asked anew about one that waits. Returns what has changed, None for nothing.
    """
    take_turns(connection, *(name_turns(one.platform, one.chat_id) for one in (old, new)))
    row, other = (
        connection.execute(select(admissions).where(is_about(one.platform, one.chat_id))).first()
        for one in (old, new)
    )
    if row is None or (other and other.decision != Decision.ASKED):
        return None
    connection.execute(delete(admissions).where(is_about(new.platform, new.chat_id)))
    content = replace(row.content, subject=new.chat_id)
    moved = update(admissions).where(is_about(old.platform, old.chat_id))
    values = {"subject": new.chat_id, "content": content}
    if row.decision == Decision.ASKED:
        # Their buttons are about the id that is gone.
        values["is_told"] = False
    connection.execute(moved.values(values))
    before = Decision.ASKED if other else None
    change = DecisionChange(new.platform, new.chat_id, before, Decision(row.decision))
    notify(connection, RULES, None)
    _follow(connection, change, now)
    return change


def name_turns(platform: str, subject: str) -> str:
    """Return the name under which transactions about a chat, person or server take turns."""
    return f"admission|{platform}|{subject}"


def is_about(platform: str, subject: str) -> ColumnElement[bool]:
    """Return the condition for what is stored about a chat, person or server."""
    return (admissions.c.platform == platform) & (admissions.c.subject == subject)


def _follow(connection: Connection, change: DecisionChange, now: datetime) -> None:
    """Let what waits for a decision run, or end, and tell those who asked."""
    held = _find_jobs(connection, change, _IS_HELD, now)
    if change.after is Decision.APPROVED:
        release(connection, held, now)
        if change.before is Decision.DENIED:
            refused = _find_jobs(connection, change, _IS_REFUSED, now)
            _tell(connection, "access_approved", refused, now)
    elif change.after in (Decision.DENIED, Decision.BANNED):
        _end(connection, held, now)
        if change.after is Decision.DENIED:
            _tell(connection, "access_denied", held, now)


def _find_jobs(
    connection: Connection, change: DecisionChange, condition: ColumnElement[bool], now: datetime
) -> list[Job]:
    """Return the jobs of a chat, person or server that meet a condition."""
    rows = connection.execute(select_jobs().where(condition).with_for_update(of=jobs)).all()
    found = (read_job(row, now) for row in rows)
    is_theirs = (change.platform, change.subject)
    return [
        job for job in found
        if (job.message.chat.platform, find_subject(job.message)) == is_theirs
    ]  # fmt: skip


def release(connection: Connection, held: Sequence[Job], now: datetime) -> None:
    """Let held jobs run as if they had just come in."""
    values = {"state": JobState.WAITING, "is_told": False, "created_at": now, "run_at": now}
    _change(connection, held, values)
    enqueue_again(connection, [job.job_id for job in held], keeps_turn=True)


def _end(connection: Connection, held: Sequence[Job], now: datetime) -> None:
    values = {"state": JobState.CANCELLED, "finished_at": now, "error": _NOT_ADMITTED}
    _change(connection, held, values)


def _change(connection: Connection, changed: Sequence[Job], values: dict[str, Any]) -> None:
    is_one = jobs.c.job_id.in_([job.job_id for job in changed])
    connection.execute(update(jobs).where(is_one).values(values))


def _tell(connection: Connection, command: str, asked: Sequence[Job], now: datetime) -> None:
    """Let each chat in which somebody has asked be told something once."""
    first = {job.message.chat: job.message for job in reversed(asked)}
    for chat, message in first.items():
        own = build_own(message, command, now)
        add_own(connection, chat_row(connection, chat).chat_pk, own, now)


def build_own(message: Message, command: str, now: datetime) -> Message:
    """Return a message of the program itself that is sent where `message` came from."""
    return Message(
        Chat(message.chat.platform, message.chat.bot_id, message.chat.chat_id),
        f"{command}:{now.isoformat()}",
        now,
        thread_id=message.thread_id,
        is_private=message.is_private,
        language=message.language,
        command=command,
        reply_token=message.reply_token,
        parent_id="" if message.is_private else message.parent_id,
        subject=find_subject(message),
    )
