"""Who asked to use the bot, and what operators have decided. Held jobs wait for that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select, update

from core.admission import Admission, Decision, DecisionChange, find_subject
from core.models import PAGE, AccessRequest, JobState, Message
from core.store.database.dialects import take_turns
from core.store.database.operator_tables import admissions
from core.store.database.queries import (
    Database,
    adds_jobs,
    insert_new,
    read_job,
    select_jobs,
    writes,
)
from core.store.database.tables import jobs
from core.store.people.accounts import accounts_of
from core.store.work.job_rows import add_own
from core.store.work.rulings import Ruling, build_own, is_about, name_turns, release, rule

_FIRST_STATES = {Decision.ASKED: JobState.HELD, Decision.APPROVED: JobState.WAITING}
_OPEN = select(admissions).where(admissions.c.decision == Decision.ASKED)


class Admissions:
    """Queries about who may use the bot."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: All that is stored, for every message to be judged by.
        self.decisions = dict[tuple[str, str], Decision]()
        #: How often something was noted of them.
        self._notes = 0
        #: These and the lists in the settings, which the program adds.
        self.rules = Admission(self.decisions)
        #: Called when somebody new has asked.
        self.on_ask: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """Read what was decided, which another process may have changed."""
        before, stored = -1, dict[tuple[str, str], Decision]()
        while before != self._notes:  # what is noted meanwhile is newer
            before = self._notes
            rows = await self._database.rows(select(admissions))
            stored = {(r.platform, r.content.subject): Decision(r.decision) for r in rows}
        self.decisions.clear()
        self.decisions.update(stored)

    def note(self, platform: str, subject: str, decision: Decision | None) -> None:
        """Let messages be judged by what was stored about somebody, None for nothing."""
        self._notes += 1
        self.decisions.pop((platform, subject), None)
        if decision:
            self.decisions[platform, subject] = decision

    async def list_open(self) -> list[AccessRequest]:
        """Return the requests about which nobody has decided, the oldest first."""
        rows = await self._database.rows(_OPEN)
        return sorted((row.content for row in rows), key=attrgetter("asked_at"))

    async def list_untold(self) -> list[AccessRequest]:
        """Return the requests that the operators do not know of yet."""
        rows = await self._database.rows(_OPEN.where(~admissions.c.is_told))
        return [row.content for row in rows]

    @writes
    def note_told(self, connection: Connection, platform: str, subject: str) -> None:
        """Record that the operators were asked about somebody."""
        change = update(admissions).where(is_about(platform, subject))
        connection.execute(change.values(is_told=True))

    async def decide(
        self, operator: str, platform: str, subject: str, decision: Decision | None, *,
        is_first: bool = False,
    ) -> list[DecisionChange]:  # fmt: skip
        """Save a decision; what waits for it runs, or ends. Safe to repeat.

        A ban and its end hold for all accounts of a person: the one that is named comes first.
        decision: None lifts a ban, and what was decided before it holds again.
        is_first: change nothing if another operator has decided otherwise.
        """
        ruling = Ruling(operator, decision, self._database.now(), is_first)
        changes = await self._decide(platform, subject, ruling)
        for change in changes:
            self.note(change.platform, change.subject, change.after)
        return changes

    @adds_jobs
    def _decide(
        self, connection: Connection, platform: str, subject: str, ruling: Ruling
    ) -> list[DecisionChange]:
        named = (platform, subject)
        is_of_person = ruling.decision in (Decision.BANNED, None)
        accounts = accounts_of(connection, *named) if is_of_person else set()
        # Whoever opens the page may use it.
        linked = sorted(one for one in accounts - {named} if one[0] != PAGE)
        return [rule(connection, *one, ruling) for one in (named, *linked)]

    @adds_jobs
    def release_all(self, connection: Connection) -> int:
        """Let all held jobs run: nobody is asked any more. Return how many there were."""
        held = select_jobs().where(jobs.c.state == JobState.HELD).with_for_update(of=jobs)
        rows = connection.execute(held).all()
        now = self._database.now()
        release(connection, [read_job(row, now) for row in rows], now)
        return len(rows)


def admit(connection: Connection, chat_pk: int, message: Message, now: datetime) -> JobState | None:
    """Return the first state of the job of a message that was held back, None to ignore it.

    Part of its commit. The first one is recorded, and its sender is told.
    """
    platform, subject = message.chat.platform, find_subject(message)
    # Whoever decides about it now finds the job of this message, or is found to have decided.
    take_turns(connection, name_turns(platform, subject))
    request = AccessRequest(platform, subject, message.sender_name, now, message.is_private)
    row: dict[str, Any] = {"platform": platform, "subject": subject, "changed_at": now}
    row |= {"decision": Decision.ASKED, "is_told": False, "content": request}
    if connection.execute(insert_new(admissions), row).rowcount:
        add_own(connection, chat_pk, build_own(message, "access_asked", now), now)
        return JobState.HELD
    # It may have been decided since the message was judged.
    known = select(admissions.c.decision).where(is_about(platform, subject))
    return _FIRST_STATES.get(connection.execute(known).scalar_one())
