"""What a job has sent already, so that it may run again from its start."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, case, delete, exists, literal, select, update

from core.errors import PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, DeliveryState, Job, JobState, PartDelivery
from core.store.database.fencing import FENCE
from core.store.database.queries import IS_CANCELLED, IS_OPEN, Database, insert_new, writes
from core.store.database.tables import deliveries, jobs
from core.store.talk.search import MOVED
from core.store.work.queue import has_queue

#: A process that goes on this late after a transaction may have lost its job meanwhile.
_JUST_NOW = timedelta(seconds=1)
_IS_MOVED = deliveries.c.platform_id.startswith(MOVED)
_IS_JOB = deliveries.c.job_id == bindparam("of_job")
_IS_PART = _IS_JOB & (deliveries.c.part == bindparam("of_part"))
# Built once: every part of a reply waits for them.
_FIND = select(deliveries).where(_IS_JOB).order_by(deliveries.c.part)
_NEW = insert_new(deliveries).values(
    job_id=bindparam("job_id"),
    part=bindparam("part"),
    state=DeliveryState.PENDING,
    platform_id="",
)
#: Only if no part is known.
_BEGIN = deliveries.insert().from_select(
    [column.name for column in deliveries.c],
    select(
        bindparam("of_job"), literal(0), literal(DeliveryState.PENDING.value), literal("")
    ).where(~exists().where(_IS_JOB)),
)
_AGAIN = (
    update(deliveries)
    .where(_IS_PART, deliveries.c.state != DeliveryState.SENT)
    .values(
        state=DeliveryState.PENDING,
        platform_id=case((_IS_MOVED, ""), else_=deliveries.c.platform_id),
    )
)
_SENT = (
    update(deliveries)
    .where(_IS_PART)
    .values(
        state=DeliveryState.SENT,
        platform_id=case((_IS_MOVED, bindparam("moved_id")), else_=bindparam("sent_id")),
    )
)
_FORGET = delete(deliveries).where(_IS_PART)
#: The job, unless it has a reply, has ended, or its first part was begun.
_UNANSWERED = select(jobs.c.job_id).where(
    jobs.c.job_id == bindparam("of_job"),
    IS_OPEN,
    jobs.c.reply.is_(None),
    ~exists().where(deliveries.c.job_id == jobs.c.job_id, deliveries.c.part == 0),
)
#: No reply is saved before the transaction ends.
_UNANSWERED_NOW = _UNANSWERED.with_for_update(of=jobs)
#: How often, and at what intervals, a message that another process sends is looked for.
_LOOKS, _LOOK_S = 8, 0.25
_END = (
    update(jobs)
    .where(jobs.c.job_id == bindparam("of_job"))
    .values(
        state=bindparam("end_state"), finished_at=bindparam("now"), error=bindparam("end_error")
    )
)
_END_UNLESS_CANCELLED = _END.where(~IS_CANCELLED)


class Deliveries:
    """Queries about what was sent of replies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def target(self, job: Job, ledger: StoredLedger | None = None) -> DeliveryTarget:
        """Return where the job's reply goes, with the ledger of what was sent of it."""
        is_refusal = job.outcome is JobState.REFUSED
        ledger = ledger or self.ledger(job)
        return DeliveryTarget(job.job_id, job.message, ledger, job.has_no_voice, is_refusal)

    def ledger(self, job: Job) -> StoredLedger:
        """Return the ledger of what was sent of the job's reply."""
        return StoredLedger(self._database, job)

    async def parts(self, job_id: str) -> list[PartDelivery]:
        """Return the known parts of a job's reply, in order."""
        found = await self._database.read(lambda one: _read_parts(one, job_id))
        return list(found.values())


class StoredLedger:
    """The delivery ledger of one job, in the database.

    It reads the table once if the delivery begins with `begin`, else each time.
    """

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self._job = job
        #: The known parts, None if they are to be read each time.
        self._parts: dict[int, PartDelivery] | None = None
        #: The first part was recorded as started with the reply, and `start` was not called yet.
        self._is_begun = False
        self._begun_at = database.now()
        #: Nothing was known when the delivery began.
        self._is_fresh = False
        #: The part with which the job ends.
        self._last: int | None = None
        #: The job has ended with its last part.
        self.has_ended = False

    def begin(self, connection: Connection) -> None:
        """Read the known parts; if there are none, record that the first one is about to be sent.

        In the transaction that saves the reply.
        """
        begun = connection.execute(_BEGIN, {"of_job": self._job.job_id}).rowcount
        self._is_begun = self._is_fresh = bool(begun)
        self._begun_at = self._database.now()
        self._parts = {} if begun else _read_parts(connection, self._job.job_id)

    async def refresh(self) -> None:
        """Take notice of what a live message has recorded since `begin`."""
        if self._parts is not None:
            self._parts = await self._read()
            if self._is_begun:
                del self._parts[0]
            self._is_fresh = self._is_fresh and not self._parts

    async def find(self, part: int) -> PartDelivery | None:
        """Return the state of `part`, None if it was never attempted."""
        parts = await self._read() if self._parts is None else self._parts
        return parts.get(part)

    async def wait_for(self, part: int) -> PartDelivery | None:
        """Return the state of `part`, once no other process is just sending it.

        One that was killed meanwhile does not say so: it is not waited for longer than that takes.
        """
        looks = _LOOKS if FENCE.get() else 0
        while (known := await self.find(part)) and known.state is DeliveryState.PENDING and looks:
            await self._database.clock.sleep(_LOOK_S)
            await self.refresh()
            looks -= 1
        return known

    async def has_reply(self) -> bool:
        """Return whether the job has a reply, of which perhaps nothing is sent, or has ended."""
        return not await self._database.rows(_UNANSWERED, {"of_job": self._job.job_id})

    def expect(self, count: int) -> None:
        """Let the job end with part `count` - 1, if nothing was known when the delivery began."""
        if self._is_fresh and count:
            self._last = count - 1

    async def start(self, part: int) -> None:
        """Record that `part` is about to be sent. The id of a message to be edited stays.

        An id from before the chat moved is dropped: the part is sent to the new chat.
        """
        is_begun = part == 0 and self._is_begun
        if is_begun:
            self._is_begun = False
        # A process that has slept since then may have lost the job: then this raises.
        has_slept = FENCE.get() and abs(self._database.now() - self._begun_at) > _JUST_NOW
        if not is_begun or has_slept:
            await self._start(part)
        self._note(part, DeliveryState.PENDING)

    @writes
    def _start(self, connection: Connection, part: int) -> None:
        job_id = self._job.job_id
        # Somebody is told elsewhere that the job waits, while it does not any more.
        is_beside = part == PLACEHOLDER and has_queue(connection)
        if is_beside and not connection.execute(_UNANSWERED_NOW, {"of_job": job_id}).first():
            raise PlatformBusy("the reply is being sent")
        if not connection.execute(_NEW, {"job_id": job_id, "part": part}).rowcount:
            connection.execute(_AGAIN, {"of_job": job_id, "of_part": part})

    @writes
    def finish(self, connection: Connection, part: int, platform_id: str) -> None:
        """Record that `part` was sent, and its id on the platform; with the last one the job ends.

        If the chat has moved since `start`, it was sent to the old one.
        """
        key = {"of_job": self._job.job_id, "of_part": part}
        ids = {"sent_id": platform_id, "moved_id": MOVED + platform_id}
        connection.execute(_SENT, key | ids)
        self._note(part, DeliveryState.SENT, platform_id)
        if part == self._last:
            job, now = self._job, self._database.now()
            self.has_ended = end_job(connection, job.job_id, job.outcome, job.error, now)

    @writes
    def forget(self, connection: Connection, part: int) -> None:
        """Record that the message of `part` is gone."""
        key = {"of_job": self._job.job_id, "of_part": part}
        connection.execute(_FORGET, key)
        if self._parts is not None:
            self._parts.pop(part, None)

    async def _read(self) -> dict[int, PartDelivery]:
        return await self._database.read(lambda one: _read_parts(one, self._job.job_id))

    def _note(self, part: int, state: DeliveryState, platform_id: str = "") -> None:
        if self._parts is None:
            return
        known = self._parts.get(part)
        if state is DeliveryState.PENDING and known:
            if known.state is DeliveryState.SENT:
                return
            platform_id = "" if known.platform_id.startswith(MOVED) else known.platform_id
        self._parts[part] = PartDelivery(part, state, platform_id)


def _read_parts(connection: Connection, job_id: str) -> dict[int, PartDelivery]:
    rows = connection.execute(_FIND, {"of_job": job_id})
    return {
        row.part: PartDelivery(row.part, DeliveryState(row.state), row.platform_id) for row in rows
    }


def end_job(
    connection: Connection, job_id: str, state: JobState, error: str, now: datetime
) -> bool:
    """End a job. Return False if it was cancelled: it is to end with another reply.

    error: for the operator; it has no chat content.
    """
    end = _END if state is JobState.CANCELLED else _END_UNLESS_CANCELLED
    values = {"of_job": job_id, "end_state": state, "end_error": error[:400], "now": now}
    return bool(connection.execute(end, values).rowcount)


def move_deliveries(connection: Connection, old_pk: int) -> None:
    """Prefix the ids of what was sent to a chat that moves, so that they match no new message."""
    of_chat = select(jobs.c.job_id).where(jobs.c.chat_pk == old_pk)
    change = update(deliveries).where(deliveries.c.job_id.in_(of_chat))
    moved = literal(MOVED) + deliveries.c.platform_id
    connection.execute(change.values(platform_id=moved))


def turn_into_placeholder(connection: Connection, job_id: str) -> None:
    """Take what was sent of a reply for the placeholder of the next one.

    If there are several parts, they are to be edited or deleted instead, like those of any reply.
    """
    mine = deliveries.c.job_id == job_id
    others = select(deliveries.c.part).where(mine, deliveries.c.part > 0)
    if connection.execute(others.where(deliveries.c.platform_id != "")).first():
        outdate(connection, (job_id,))
        return
    first = select(deliveries.c.platform_id).where(mine, deliveries.c.part == 0)
    platform_id = connection.execute(first).scalar()
    connection.execute(delete(deliveries).where(mine))
    if platform_id:
        values = {"job_id": job_id, "part": PLACEHOLDER, "state": DeliveryState.SENT}
        connection.execute(deliveries.insert().values(**values, platform_id=platform_id))


def outdate(connection: Connection, job_ids: Collection[str]) -> None:
    """Note that the parts that were sent of the jobs' replies are to be edited or deleted."""
    is_part = deliveries.c.job_id.in_(job_ids) & (deliveries.c.part > PLACEHOLDER)
    change = update(deliveries).where(is_part, deliveries.c.state == DeliveryState.SENT)
    connection.execute(change.values(state=DeliveryState.STALE))
