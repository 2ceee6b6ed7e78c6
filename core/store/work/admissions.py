"""Who asked to use the bot, and what operators have decided. Held jobs wait for that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from core.admission import Admission, Decision, find_subject
from core.models import AccessRequest, Chat, Job, JobState, Message
from core.store.audit import note_action
from core.store.database.operator_tables import admissions
from core.store.database.queries import (
    Database,
    adds_jobs,
    chat_row,
    insert_new,
    read_job,
    select_jobs,
    writes,
)
from core.store.database.tables import jobs
from core.store.work.job_rows import add_own

_DENIED_NOTICE = "access_denied"
_FIRST_STATES = {Decision.ASKED: JobState.HELD, Decision.APPROVED: JobState.WAITING}


class Admissions:
    """Queries about who may use the bot."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: All that is stored, for every message to be judged by.
        self.decisions = dict[tuple[str, str], Decision]()
        #: These and the lists in the settings, which the program adds.
        self.rules = Admission(self.decisions)
        #: Called when somebody new has asked.
        self.on_ask: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """Read what was decided. Called once, before anything runs."""
        for row in await self._database.rows(select(admissions)):
            self.decisions[row.platform, row.content.subject] = Decision(row.decision)

    async def list_untold(self) -> list[AccessRequest]:
        """Return the requests that the operators do not know of yet."""
        is_new = (admissions.c.decision == Decision.ASKED) & ~admissions.c.is_told
        rows = await self._database.rows(select(admissions).where(is_new))
        return [row.content for row in rows]

    @writes
    def note_told(self, connection: Connection, platform: str, subject: str) -> None:
        """Record that the operators were asked about somebody."""
        change = update(admissions).where(_is_it(platform, subject))
        connection.execute(change.values(is_told=True))

    async def decide(
        self, operator: str, platform: str, subject: str, decision: Decision | None
    ) -> None:
        """Save a decision; what waits for it runs, or ends. Safe to repeat.

        None: as if nothing had been asked or decided.
        """
        await self._decide(operator, platform, subject, decision)
        self.decisions.pop((platform, subject), None)
        if decision:
            self.decisions[platform, subject] = decision

    @adds_jobs
    def release_all(self, connection: Connection) -> int:
        """Let all held jobs run: nobody is asked any more. Return how many there were."""
        rows = connection.execute(select_jobs().where(jobs.c.state == JobState.HELD)).all()
        now = self._database.now()
        _release(connection, [read_job(row, now) for row in rows], now)
        return len(rows)

    @adds_jobs
    def _decide(
        self,
        connection: Connection,
        operator: str,
        platform: str,
        subject: str,
        decision: Decision | None,
    ) -> bool:
        now = self._database.now()
        before = connection.execute(
            select(admissions.c.decision).where(_is_it(platform, subject))
        ).scalar()
        if before == decision:
            return False
        connection.execute(delete(admissions).where(_is_it(platform, subject)))
        if decision:
            _save(connection, platform, subject, decision, now)
        action = decision or "unbanned"
        note_action(connection, now, operator, action, f"{platform}:{subject}")
        held = _find_held(connection, platform, subject, now)
        if decision is Decision.APPROVED:
            _release(connection, held, now)
        elif decision in (Decision.DENIED, Decision.BANNED):
            _end(connection, held, now)
            if decision is Decision.DENIED:
                _tell_denied(connection, held, now)
        return True


def _save(
    connection: Connection, platform: str, subject: str, decision: Decision, now: datetime
) -> None:
    content = AccessRequest(platform, subject, "", now)
    row = {"platform": platform, "subject": subject, "decision": decision}
    values = {"changed_at": now, "is_told": True, "content": content}
    connection.execute(admissions.insert().values(**row, **values))


def _is_it(platform: str, subject: str) -> Any:
    return (admissions.c.platform == platform) & (admissions.c.subject == subject)


def _find_held(connection: Connection, platform: str, subject: str, now: datetime) -> list[Job]:
    """Return the held jobs of a chat, person or server."""
    rows = connection.execute(select_jobs().where(jobs.c.state == JobState.HELD)).all()
    found = (read_job(row, now) for row in rows)
    return [
        job
        for job in found
        if job.message.chat.platform == platform and find_subject(job.message) == subject
    ]


def _release(connection: Connection, held: list[Job], now: datetime) -> None:
    """Let held jobs run as if they had just come in."""
    values = {"state": JobState.WAITING, "is_told": False, "created_at": now, "run_at": now}
    is_held = jobs.c.job_id.in_([job.job_id for job in held])
    connection.execute(update(jobs).where(is_held).values(values))


def _end(connection: Connection, held: list[Job], now: datetime) -> None:
    is_held = jobs.c.job_id.in_([job.job_id for job in held])
    values = {"state": JobState.CANCELLED, "finished_at": now, "error": "not admitted"}
    connection.execute(update(jobs).where(is_held).values(values))


def _tell_denied(connection: Connection, held: list[Job], now: datetime) -> None:
    first = {job.message.chat: job.message for job in reversed(held)}
    for chat, message in first.items():
        own = build_own(message, _DENIED_NOTICE, now)
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
        subject=find_subject(message),
    )


def admit(connection: Connection, chat_pk: int, message: Message, now: datetime) -> JobState | None:
    """Return the first state of the job of a message that was held back, None to ignore it.

    Part of its commit. The first one is recorded, and its sender is told.
    """
    platform, subject = message.chat.platform, find_subject(message)
    request = AccessRequest(platform, subject, message.sender_name, now, message.is_private)
    row: dict[str, Any] = {"platform": platform, "subject": subject, "changed_at": now}
    row |= {"decision": Decision.ASKED, "is_told": False, "content": request}
    if connection.execute(insert_new(admissions), row).rowcount:
        add_own(connection, chat_pk, build_own(message, "access_asked", now), now)
        return JobState.HELD
    # It may have been decided since the message was judged.
    known = select(admissions.c.decision).where(_is_it(platform, subject))
    return _FIRST_STATES.get(connection.execute(known).scalar_one())
