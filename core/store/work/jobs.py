"""The table of jobs. Each job ends as done, refused, dead or cancelled."""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from core.errors import JobCancelled
from core.models import Chat, ClaimedJobs, Job, JobState, Reply
from core.store.audit import note_action
from core.store.database.dialects import Unindexed
from core.store.database.encryption import UtcDateTime
from core.store.database.queries import (
    IS_CANCELLED,
    IS_OPEN,
    Database,
    adds_jobs,
    chat_row,
    find_newest,
    is_chat,
    read_job,
    reads,
    select_jobs,
    writes,
)
from core.store.database.tables import chats, jobs, messages
from core.store.work.buttons import keep_buttons
from core.store.work.deliveries import StoredLedger, end_job, outdate, turn_into_placeholder
from core.store.work.queue import enqueue_again, free_chat
from core.store.work.turns import BEGIN, NEXT, PAUSED_AT, SHARE, URGENT, URGENT_SHARE

_IS_WAITING = IS_OPEN & (jobs.c.state == JobState.WAITING)
# Built once: building them costs more than running them, and every job waits for them.
_CHANGE = update(jobs).where(jobs.c.job_id == bindparam("of_job"))
_CHANGE_UNLESS_CANCELLED, _CHANGE_OPEN = _CHANGE.where(~IS_CANCELLED), _CHANGE.where(IS_OPEN)
#: What is so again of a job that begins anew.
_ANEW = {"state": JobState.WAITING, "attempts": 0, "crashes": 0, "is_told": False}
_ANEW |= {"finished_at": None, "turn": 0}
_IS_LATER = jobs.c.run_at > bindparam("now", type_=UtcDateTime())
_WAITING = select(
    exists().where(_IS_WAITING).label("is_any"),
    select(func.min(jobs.c.run_at)).where(_IS_WAITING, _IS_LATER).scalar_subquery().label("at"),
    PAUSED_AT.label("paused_at"),
)
#: Of the random part of a button's token; the job's id stands before it.
_TOKEN_BYTES = 9


class Jobs:
    """Queries about jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @writes
    def claim(self, connection: Connection, most: int, reserve: int = 0) -> ClaimedJobs:
        """Take up to `most` due jobs of chats that are not busy, in the order of their turns.

        reserve: how many places are left free by people who have their share already. Jobs of a
        chat run in order of arrival. One that takes longer, after the person was shown so, lets
        later ones pass.
        """
        now, running = self._database.now(), JobState.RUNNING
        rows = _take(connection, now, most, SHARE)
        waiting = connection.execute(_WAITING, {"now": now}).one()
        room = most - len(rows) - reserve
        if waiting.is_any and room > 0 and (more := _take(connection, now, room, sys.maxsize)):
            rows += more
            waiting = connection.execute(_WAITING, {"now": now}).one()
        found = [replace(read_job(r, now), state=running, attempts=r.attempts + 1) for r in rows]
        return ClaimedJobs(found, waiting.is_any, waiting.at, waiting.paused_at)

    @writes
    def requeue_lost(self, connection: Connection, max_crashes: int) -> int:
        """Make jobs wait again that were running when the last process ended. Return how many.

        A job during which the process ended `max_crashes` times is a dead letter: it may be the
        cause.
        """
        now = self._database.now()
        is_running = jobs.c.state == JobState.RUNNING
        given_up = update(jobs).where(is_running, jobs.c.crashes >= max_crashes)
        dead = {"state": JobState.DEAD, "finished_at": now, "error": "the process kept ending"}
        again = {
            "state": JobState.WAITING,
            "run_at": jobs.c.created_at,
            "attempts": jobs.c.attempts - 1,
            "crashes": jobs.c.crashes + 1,
        }
        delayed = update(jobs).where(jobs.c.state == JobState.WAITING, jobs.c.is_told)
        connection.execute(given_up.values(dead))
        lost = connection.execute(update(jobs).where(is_running).values(again))
        # What only the operator could fix may be fixed by now.
        connection.execute(delayed.values(run_at=now))
        return lost.rowcount

    @writes
    def save_reply(
        self, connection: Connection, job_id: str, reply: Reply, outcome: JobState,
        ledger: StoredLedger | None = None,
    ) -> Reply:  # fmt: skip
        """Save `reply` before anything is sent, with tokens for its buttons: see `buttons.py`.

        outcome: the state of the job once the reply is delivered.
        ledger: that of the delivery that follows at once. Raises JobCancelled.
        """
        saved = write_reply(connection, job_id, reply, outcome)
        if ledger and reply != Reply():
            ledger.begin(connection)
        return saved

    @writes
    def finish(self, connection: Connection, job_id: str, state: JobState, error: str = "") -> None:
        """End the job.

        error: for the operator; it has no chat content.
        Raises JobCancelled: it is to end with another reply.
        """
        if not end_job(connection, job_id, state, error, self._database.now()):
            raise JobCancelled

    @writes
    def run_later(
        self, connection: Connection, job_id: str, run_at: datetime, error: str = "", *,
        is_attempt: bool = True,
    ) -> None:  # fmt: skip
        """Let the job wait until `run_at`, unless it has ended. is_attempt: this attempt counts."""
        values = {"state": JobState.WAITING, "run_at": run_at, "error": error[:400]}
        values |= {} if is_attempt else {"attempts": jobs.c.attempts - 1}
        connection.execute(_CHANGE_OPEN.values(values), {"of_job": job_id})

    @adds_jobs
    def note_delay_shown(self, connection: Connection, job_id: str) -> bool:
        """Record that the person is shown that this takes longer, so that later messages pass it.

        Return False if it is over.
        """
        change = _CHANGE_OPEN.where(jobs.c.reply.is_(None)).values(is_told=True)
        is_noted = bool(connection.execute(change, {"of_job": job_id}).rowcount)
        if is_noted:
            free_chat(connection, job_id)
        return is_noted

    async def list_untold(self, limit: int = 200) -> list[Job]:
        """Return open jobs without a reply whose people were not shown a delay, oldest first."""
        query = select_jobs().where(IS_OPEN, ~jobs.c.is_told, jobs.c.reply.is_(None))
        return self._read(await self._database.rows(query.order_by(jobs.c.seq).limit(limit)))

    async def places(self, limit: int = 1000) -> dict[str, int]:
        """Return the places of the jobs that wait for one, by id: 1 is that of the next."""
        is_due = Unindexed(jobs.c.run_at) <= self._database.now()
        waiting = select(jobs.c.job_id).where(_IS_WAITING, is_due)
        rows = await self._database.rows(waiting.order_by(jobs.c.turn, jobs.c.seq).limit(limit))
        return {row.job_id: place for place, row in enumerate(rows, 1)}

    @adds_jobs
    def retry(self, connection: Connection, job_id: str, operator: str = "") -> bool:
        """Run a dead letter again. Return False if there is no dead letter of that id.

        The message that reported the failure becomes the placeholder of the new reply.
        operator: who is logged to have done it, empty if it was nobody who operates the bot.
        """
        is_dead = (jobs.c.job_id == job_id) & (jobs.c.state == JobState.DEAD)
        if not connection.execute(select(jobs.c.seq).where(is_dead).with_for_update()).first():
            return False
        keep_buttons(connection, job_id)
        now = self._database.now()
        values = {"run_at": now, "reply": None, "outcome": JobState.DONE}
        connection.execute(update(jobs).where(is_dead).values(_ANEW | values))
        if operator:
            note_action(connection, now, operator, "retry", job_id)
        turn_into_placeholder(connection, job_id)
        enqueue_again(connection, [job_id])
        return True

    @adds_jobs
    def redo(self, connection: Connection, job_id: str, reply: Reply) -> bool:
        """Replace the reply of a job that is done: what was sent is edited.

        reply: the one before with changes: its buttons keep their tokens.
        Return False if there is no such job. Safe to repeat.
        """
        is_it = (jobs.c.job_id == job_id) & (jobs.c.outcome == JobState.DONE)
        is_ended = is_it & (jobs.c.state.in_((JobState.DONE, JobState.WAITING)))
        now = self._database.now()
        # Its age starts over: an edit that has to wait is not given up for the age of the job.
        change = update(jobs).where(is_ended, jobs.c.reply.is_not(None))
        result = connection.execute(change.values(_ANEW | {"created_at": now, "run_at": now}))
        if not result.rowcount:
            return False
        write_reply(connection, job_id, reply, JobState.DONE)
        outdate(connection, (job_id,))
        enqueue_again(connection, [job_id])
        return True

    async def find(self, job_id: str) -> Job | None:
        """Return one job."""
        found = self._read(await self._database.rows(select_jobs().where(jobs.c.job_id == job_id)))
        return found[0] if found else None

    @reads
    def recent(
        self, connection: Connection, states: Collection[JobState], limit: int = 50
    ) -> list[Job]:
        """Return jobs in these states, the newest first."""
        return self._read(find_newest(connection, select_jobs(), states, limit))

    async def history(self, chat: Chat, limit: int = 50, before: str = "") -> list[Job]:
        """Return the jobs of a chat, the newest first; before: those that came before this one."""
        condition = is_chat(chat)
        if before:
            seq = select(jobs.c.seq).where(jobs.c.job_id == before).scalar_subquery()
            condition &= jobs.c.seq < seq
        return await self._select(condition, limit=limit)

    async def of_message(self, chat: Chat, message_id: str) -> Job | None:
        """Return the job of a message, None if it has none."""
        here = select(chats.c.chat_pk).where(is_chat(chat)).scalar_subquery()
        is_it = (messages.c.chat_pk == here) & (messages.c.message_id == message_id)
        found = await self._select(is_it & (Unindexed(jobs.c.chat_pk) == here), limit=1)
        return found[0] if found else None

    async def counts(self) -> dict[JobState, int]:
        """Return how many jobs are in each state."""
        query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
        return {JobState(state): count for state, count in await self._database.rows(query)}

    @writes
    def cancel_chat(self, connection: Connection, chat: Chat) -> None:
        """Cancel every open job of a chat that is gone."""
        now = self._database.now()
        row = chat_row(connection, chat)
        change = update(jobs).where(jobs.c.chat_pk == row.chat_pk, IS_OPEN)
        ended = {"state": JobState.CANCELLED, "finished_at": now, "error": "ChatGone"}
        connection.execute(change.values(ended))
        gone = update(chats).where(chats.c.chat_pk == row.chat_pk)
        connection.execute(gone.values(gone_at=now))

    async def _select(self, condition: ColumnElement[bool], limit: int) -> list[Job]:
        query = select_jobs().where(condition).order_by(jobs.c.seq.desc()).limit(limit)
        return self._read(await self._database.rows(query))

    def _read(self, rows: Sequence[Any]) -> list[Job]:
        now = self._database.now()
        return [read_job(row, now) for row in rows]


def _take(connection: Connection, now: datetime, most: int, share: int) -> list[Any]:
    """Begin up to `most` jobs, and return their rows; `share`: of one person that may then run."""
    taken, more = list[Any](), Counter[tuple[str, bool]]()
    is_page_full = True
    # A page full of few people's jobs: those of others come after it.
    while is_page_full and (room := most - len(taken)) > 0:
        page = connection.execute(NEXT, {"now": now, "most": room, "share": share}).all()
        more.clear()
        chosen = []
        for row in page:
            is_urgent = row.turn == URGENT
            limit, key = URGENT_SHARE if is_urgent else share, (row.person, is_urgent)
            if row.person is None or row.held + more[key] < limit:
                chosen.append(row)
                more[key] += 1
        if chosen:
            connection.execute(BEGIN, [{"next_seq": row.seq} for row in chosen])
        taken += chosen
        is_page_full = len(page) == room and bool(chosen)
    return taken


def write_reply(connection: Connection, job_id: str, reply: Reply, outcome: JobState) -> Reply:
    """Save a reply as `Jobs.save_reply` does, in the transaction of `connection`."""
    given = (
        # One that is shown already works on, as the changed reply has it.
        one
        if one.token.startswith(job_id)
        else replace(one, token=job_id + secrets.token_urlsafe(_TOKEN_BYTES))
        for one in reply.buttons
    )
    if outcome is not JobState.DONE:
        keep_buttons(connection, job_id)  # a part of the reply before may have been sent
    reply = replace(reply, buttons=tuple(given))
    change = _CHANGE_UNLESS_CANCELLED.values(reply=reply, outcome=outcome)
    if not connection.execute(change, {"of_job": job_id}).rowcount:
        raise JobCancelled
    return reply
