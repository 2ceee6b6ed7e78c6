"""What a job has paid for and sent already, so that it may run again from its start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any, TypeVar

from sqlalchemy import Table, bindparam, case, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.interfaces import DeliveryTarget
from core.models import Answer, Audio, DeliveryState, Job, JobState, PartDelivery, Transcript, Usage
from core.stall import StallTimer, find_timer, set_timer
from core.store.database.queries import Database, hash_sample, insert_new
from core.store.database.schema import usage
from core.store.database.tables import answers, deliveries, jobs, sounds, transcripts
from core.store.talk.search import MOVED

Result = TypeVar("Result")

#: Built once: every recording waits for it.
_TRANSCRIPT = select(transcripts.c.content).where(transcripts.c.key == bindparam("of"))


#: Receives the progress of a call, in the form of its pipeline.
Show = Callable[[Any], None]
#: Makes a result, and reports its progress if it is given a function for that.
Make = Callable[[Show | None], Coroutine[Any, Any, Result]]


@dataclass(slots=True)
class _SharedCall:
    """What everybody who wants one paid result waits for."""

    timer: StallTimer
    task: asyncio.Task[Any] = field(init=False)
    #: Of each who waits for it: what shows its progress.
    shows: list[Show | None] = field(default_factory=list)
    latest: Any = None

    def tell(self, progress: Any) -> None:
        """Show the progress to everybody who waits."""
        self.latest = progress
        for show in filter(None, self.shows):
            show(progress)


class Results:
    """Queries about what engines returned."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: By key, of the results that are being made.
        self._calls: dict[str, _SharedCall] = {}

    async def share(self, key: str, make: Make[Result], show: Show | None = None) -> Result:
        """Return what `make` returns, which runs once for all who ask for `key` meanwhile.

        If it fails, it fails for all of them. It goes on until the last of them is cancelled or
        given up. Its progress is theirs, and shown to each if the first of them has a `show`.
        Raises StorageFull while it could not be saved.
        """
        if self._database.fault:
            raise self._database.fault.with_traceback(None)
        if (call := self._calls.get(key)) is None:
            timer, context = StallTimer(clock=self._database.clock), copy_context()
            timer.moved_at_s = timer.counts_from_s = -inf  # to begin is no progress
            context.run(set_timer, timer)
            call = self._calls[key] = _SharedCall(timer)
            call.task = asyncio.create_task(make(show and call.tell), context=context)
        elif show and call.latest is not None:
            show(call.latest)
        call.shows.append(show)
        try:
            with own.follow(call.timer) if (own := find_timer()) else nullcontext():
                await asyncio.wait({call.task})
        finally:
            call.shows.remove(show)
            if not call.shows:
                del self._calls[key]
                call.task.cancel()
                await asyncio.gather(call.task, return_exceptions=True)
        result: Result = call.task.result()
        return result

    async def find(self, key: str) -> Transcript | None:
        """Return the transcript saved under `key`."""
        rows = await self._database.rows(_TRANSCRIPT, {"of": key})
        return rows[0].content if rows else None

    async def save(
        self,
        key: str,
        transcript: Transcript,
        whole: str | None = None,
        *,
        is_booked: bool = False,
    ) -> None:
        """Save a transcript and its cost in one commit.

        whole: for a piece or an edited transcript, the key of that of the whole recording.
        is_booked: whether the cost was saved already, with the pieces.
        """
        values = {"key": key, "content": transcript, "whole": whole}
        await self._save(transcripts, values, None if is_booked else transcript.usage)

    async def find_whole(self, key: str) -> str:
        """Return the key of the transcript that an edited one comes from, `key` for any other."""
        query = select(transcripts.c.whole).where(transcripts.c.key == key)
        return await self._database.scalar(query) or key

    async def find_answer(self, key: str) -> Answer | None:
        """Return the answer saved under `key`."""
        query = select(answers.c.content).where(answers.c.key == key)
        return await self._database.scalar(query)

    async def save_answer(self, key: str, answer: Answer) -> None:
        """Save a paid answer and its cost in one commit."""
        await self._save(answers, {"key": key, "content": answer}, answer.usage)

    async def find_audio(self, key: str) -> bytes | None:
        """Return the synthesized audio saved under `key`."""
        query = select(sounds.c.content).where(sounds.c.key == key)
        return await self._database.scalar(query)

    async def save_audio(self, key: str, data: bytes, cost: Usage, sample: Audio | None) -> None:
        """Save synthesized audio and its cost in one commit.

        sample: the recording of the voice that was used. When the voice is deleted, so is all
        audio that was made with it.
        """
        digest = hash_sample(sample) if sample else None
        await self._save(sounds, {"key": key, "content": data, "sample": digest}, cost)

    async def _save(self, table: Table, values: dict[str, object], cost: Usage | None) -> None:
        now = self._database.now()
        async with self._database.write() as connection:
            await connection.execute(insert_new(table), values | {"created_at": now})
            if cost is not None:
                await connection.execute(usage.insert(), asdict(cost) | {"created_at": now})


_IS_MOVED = deliveries.c.platform_id.startswith(MOVED)
_IS_JOB = deliveries.c.job_id == bindparam("of_job")
_IS_PART = _IS_JOB & (deliveries.c.part == bindparam("of_part"))
# Built once: every part of a reply waits for them.
_FIND = select(deliveries).where(_IS_PART)
_AGAIN = update(deliveries).where(_IS_PART, deliveries.c.state != DeliveryState.SENT)


class Deliveries:
    """Queries about what was sent of replies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def target(self, job: Job) -> DeliveryTarget:
        """Return where the job's reply goes, with the ledger of what was sent of it."""
        is_refusal = job.outcome is JobState.REFUSED
        ledger = StoredLedger(self._database, job.job_id)
        return DeliveryTarget(job.job_id, job.message, ledger, job.has_no_voice, is_refusal)

    async def parts(self, job_id: str) -> list[PartDelivery]:
        """Return the known parts of a job's reply, in order."""
        query = select(deliveries).where(deliveries.c.job_id == job_id).order_by(deliveries.c.part)
        rows = await self._database.rows(query)
        return [PartDelivery(row.part, DeliveryState(row.state), row.platform_id) for row in rows]


@dataclass(frozen=True, slots=True)
class StoredLedger:
    """The delivery ledger of one job, in the database."""

    _database: Database
    _job_id: str

    async def find(self, part: int) -> PartDelivery | None:
        """Return the state of `part`, None if it was never attempted."""
        rows = await self._database.rows(_FIND, {"of_job": self._job_id, "of_part": part})
        if not rows:
            return None
        return PartDelivery(part, DeliveryState(rows[0].state), rows[0].platform_id)

    async def start(self, part: int) -> None:
        """Record that `part` is about to be sent. The id of a message to be edited stays.

        An id from before the chat moved is dropped: the part is sent to the new chat.
        """
        values = {"job_id": self._job_id, "part": part, "platform_id": ""}
        async with self._database.write() as connection:
            statement = insert_new(deliveries).values(**values, state=DeliveryState.PENDING)
            if not (await connection.execute(statement)).rowcount:
                known_id = case((_IS_MOVED, ""), else_=deliveries.c.platform_id)
                change = _AGAIN.values(state=DeliveryState.PENDING, platform_id=known_id)
                await connection.execute(change, {"of_job": self._job_id, "of_part": part})

    async def finish(self, part: int, platform_id: str) -> None:
        """Record that `part` was sent, and its id on the platform.

        If the chat has moved since `start`, it was sent to the old one.
        """
        sent_id = case((_IS_MOVED, MOVED + platform_id), else_=platform_id)
        change = update(deliveries).where(_IS_PART)
        change = change.values(state=DeliveryState.SENT, platform_id=sent_id)
        async with self._database.write() as connection:
            await connection.execute(change, {"of_job": self._job_id, "of_part": part})

    async def forget(self, part: int) -> None:
        """Record that the message of `part` is gone."""
        async with self._database.write() as connection:
            key = {"of_job": self._job_id, "of_part": part}
            await connection.execute(delete(deliveries).where(_IS_PART), key)


async def move_deliveries(connection: AsyncConnection, old_pk: int) -> None:
    """Prefix the ids of what was sent to a chat that moves, so that they match no new message."""
    of_chat = select(jobs.c.job_id).where(jobs.c.chat_pk == old_pk)
    change = update(deliveries).where(deliveries.c.job_id.in_(of_chat))
    moved = literal(MOVED) + deliveries.c.platform_id
    await connection.execute(change.values(platform_id=moved))
