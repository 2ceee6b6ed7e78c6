"""Jobs that nobody asked for: they are emptied when their message is no longer remembered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, literal, select, text

from core.store.database.encryption import UtcDateTime
from core.store.database.queries import Database
from core.store.database.tables import IS_UNASKED, jobs, messages, remembered
from core.store.operations.slices import PAGE, Slices
from core.store.recordings import Recordings
from core.store.talk.emptying import Emptying, ForgetTask, select_jobs_of
from core.store.talk.forgotten import ForgottenCounts, Person
from core.store.talk.memory import IS_KEPT
from core.store.talk.search import MOVED

#: The id under which the message of a job is remembered.
_KNOWN_AS = case(
    (messages.c.chat_pk == jobs.c.chat_pk, messages.c.message_id),
    else_=literal(MOVED) + messages.c.message_id,
)
_IS_OVER = ~exists().where(
    remembered.c.chat_pk == jobs.c.chat_pk, remembered.c.message_id == _KNOWN_AS, IS_KEPT
)
_IS_ENDED = jobs.c.finished_at >= bindparam("since", type_=UtcDateTime())
#: The first ones that ended at a moment or later.
_ENDED = (
    select(jobs.c.job_id, jobs.c.chat_pk, jobs.c.finished_at)
    .join(messages, messages.c.message_pk == jobs.c.message_pk)
    .where(text(IS_UNASKED), _IS_ENDED, messages.c.content.is_not(None), _IS_OVER)
    .order_by(jobs.c.finished_at)
    .limit(PAGE)
)


class Unasked:
    """Empties jobs that nobody asked for: voice notes in a history, forwards, what is read aloud.

    Their rows stay as long as those of other jobs, so that no message is processed twice.
    """

    def __init__(self, database: Database, recordings: Recordings) -> None:
        self._database = database
        self._emptying = Emptying(recordings)
        self._slices = Slices(database)

    async def purge(self) -> int:
        """Empty those whose message is not remembered any more, and return how many.

        What was made for them goes, too, unless it was the reply to a request.
        """
        count, since = 0, datetime.min.replace(tzinfo=UTC)
        while rows := await self._database.rows(_ENDED, {"since": since}):
            count += await self._slices.do(self._empty, rows)
            since = rows[-1].finished_at
        return count

    def _empty(self, connection: Connection, row: Any) -> None:
        """Empty a job, unless it runs again meanwhile."""
        found = select_jobs_of(row.chat_pk).where(jobs.c.job_id == row.job_id)
        found = found.where(_IS_OVER, jobs.c.finished_at.is_not(None)).with_for_update(of=jobs)
        ended = connection.execute(found).all()
        # Nobody's: results that another job was given stay.
        task = ForgetTask(row.chat_pk, Person(frozenset()), ForgottenCounts())
        self._emptying.run(connection, task, ended)
