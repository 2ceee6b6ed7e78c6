"""What a job has paid for already, so that it may run again from its start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import asdict, dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from core import metrics
from core.errors import ConfirmationNeeded, OverBudget
from core.models import Answer, Audio, Settlement, Transcript, Usage
from core.requester import REQUESTER
from core.stall import StallTimer, find_timer, set_timer
from core.store.budgets import settle
from core.store.database.encryption import digest
from core.store.database.fencing import FENCE
from core.store.database.objects import SOUND, StoredObject, link
from core.store.database.queries import Database, insert_new, reads, writes
from core.store.database.schema import usage, uses
from core.store.database.tables import answers, sounds, transcripts
from core.store.people.voices import hash_sample

if TYPE_CHECKING:
    from core.store.work.paid_calls import PaidCalls

Result = TypeVar("Result")

#: Built once: every recording waits for it.
_BOOKED = insert(usage)
_BOOK = _BOOKED.on_conflict_do_update(
    index_elements=list(usage.primary_key),
    set_={
        column: column + _BOOKED.excluded[column.name]
        for column in usage.columns
        if not column.primary_key
    },
)
_USE = insert_new(uses)
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

    @property
    def is_refused(self) -> bool:
        """Whether it has failed because only who began it could not pay, or has to confirm it."""
        task = self.task
        is_over = task.done() and not task.cancelled()
        return is_over and isinstance(task.exception(), OverBudget | ConfirmationNeeded)

    def tell(self, progress: Any) -> None:
        """Show the progress to everybody who waits."""
        self.latest = progress
        for show in filter(None, self.shows):
            show(progress)


@dataclass(frozen=True, slots=True)
class Payment:
    """What is booked for a result, and the job that it was made for."""

    #: None if it was booked before.
    cost: Usage | None
    #: None if nobody's budget changes.
    settlement: Settlement | None
    #: The result, where it is outside the database.
    stored: StoredObject | None = None
    job_id: str = field(default_factory=lambda: REQUESTER.get().job_id)


class Results:
    """Queries about what engines returned."""

    #: Where several processes pay for results: it lets one of them make each.
    paid_calls: PaidCalls | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        #: By key, of the results that are being made.
        self._calls: dict[str, _SharedCall] = {}

    async def share(self, key: str, make: Make[Result], show: Show | None = None) -> Result:
        """Return what `make` returns, which runs once for all who ask for `key` meanwhile.

        If it fails, it fails for all, unless only who began it could not pay, or is asked first. It
        goes on until the last of them is cancelled or given up. Its progress is theirs, and shown
        to each if the first of them has a `show`. It looks first whether another process has
        made the result meanwhile. Raises StorageFull while it could not be saved.
        """
        if self._database.fault:
            raise self._database.fault.with_traceback(None)
        is_others = key in self._calls
        call = self._calls.get(key) or self._begin(key, make, show)
        if is_others and show and call.latest is not None:
            show(call.latest)
        call.shows.append(show)
        try:
            with own.follow(call.timer) if (own := find_timer()) else nullcontext():
                await asyncio.wait({call.task})
        finally:
            call.shows.remove(show)
            if self._calls.get(key) is call and (not call.shows or call.is_refused):
                del self._calls[key]
            if not call.shows:
                call.task.cancel()
                await asyncio.gather(call.task, return_exceptions=True)
        if is_others:
            if call.is_refused:
                return await self.share(key, make, show)
            await self._note_use(key)
        return cast(Result, call.task.result())

    def _begin(self, key: str, make: Make[Result], show: Show | None) -> _SharedCall:
        timer, context = StallTimer(clock=self._database.clock), copy_context()
        timer.moved_at_s = timer.counts_from_s = -inf  # to begin is no progress
        context.run(set_timer, timer)
        # It goes on for others when the job that began it is lost, and what is paid for is saved.
        context.run(FENCE.set, None)
        call = self._calls[key] = _SharedCall(timer)
        run = make(show and call.tell)
        if self.paid_calls:
            run = self._run_alone(self.paid_calls, key, timer, run)
        call.task = asyncio.create_task(run, context=context)
        return call

    async def _run_alone(
        self, calls: PaidCalls, key: str, timer: StallTimer, run: Coroutine[Any, Any, Result]
    ) -> Result:
        try:
            async with calls.claim(key, timer):
                return await run
        finally:
            run.close()  # unless it has begun

    def abandon(self) -> None:
        """Give up all calls under way: another process makes them by now."""
        for call in self._calls.values():
            call.task.cancel()

    async def find(self, key: str) -> Transcript | None:
        """Return the transcript saved under `key`."""
        rows = await self._database.rows(_TRANSCRIPT, {"of": key})
        if not rows:
            return None
        await self._note_use(key)
        found: Transcript = rows[0].content
        return found

    async def save(
        self,
        key: str,
        transcript: Transcript,
        whole: str | None = None,
        *,
        is_booked: bool = False,
        settlement: Settlement | None = None,
    ) -> None:
        """Save a transcript and its cost in one commit.

        whole: for a piece or an edited transcript, the key of that of the whole recording.
        is_booked: whether the cost was saved already, with the pieces. settlement: see
        `core.limits.budgets`.
        """
        values = {"key": key, "content": transcript, "whole": whole}
        cost = None if is_booked else transcript.usage
        await self._save(transcripts, values, Payment(cost, settlement))

    async def saved_s(self, whole: str) -> float:
        """Return the length of the pieces of a recording whose transcripts are saved."""
        query = select(transcripts.c.content).where(transcripts.c.whole == whole)
        return sum([float(row.content.duration_s) for row in await self._database.rows(query)])

    async def find_whole(self, key: str) -> str:
        """Return the key of the transcript that an edited one comes from, `key` for any other."""
        query = select(transcripts.c.whole).where(transcripts.c.key == key)
        return await self._database.scalar(query) or key

    @writes
    def drop(self, connection: Connection, key: str) -> None:
        """Delete the transcript saved under `key` and its pieces. What they cost stays booked."""
        is_it = (transcripts.c.key == key) | (transcripts.c.whole == key)
        connection.execute(delete(transcripts).where(is_it))

    async def stored_answers(self, keys: Collection[str]) -> set[str]:
        """Return those of `keys` under which an answer is saved."""
        return await self._find_stored(answers, keys)

    async def find_answer(self, key: str) -> Answer | None:
        """Return the answer saved under `key`."""
        return await self._find(answers, key)

    async def save_answer(
        self, key: str, answer: Answer, settlement: Settlement | None = None
    ) -> None:
        """Save a paid answer and its cost in one commit."""
        values = {"key": key, "content": answer}
        await self._save(answers, values, Payment(answer.usage, settlement))

    async def stored_audio(self, keys: Collection[str]) -> set[str]:
        """Return those of `keys` under which synthesized audio is saved."""
        return await self._find_stored(sounds, keys)

    async def find_audio(self, key: str) -> bytes | None:
        """Return the synthesized audio saved under `key`."""
        return await self._find(sounds, key)

    async def save_audio(
        self,
        key: str,
        data: bytes,
        cost: Usage,
        sample: Audio | None,
        settlement: Settlement | None = None,
    ) -> None:
        """Save synthesized audio and its cost in one commit.

        sample: the recording of the voice that was used. When the voice is deleted, so is all
        audio that was made with it.
        """
        made_with = hash_sample(sample) if sample else None
        values = {"key": key, "content": data, "sample": made_with}
        await self._save(sounds, values, Payment(cost, settlement))

    async def _find(self, table: Table, key: str) -> Any | None:
        query = select(table.c.content).where(table.c.key == key)
        if (found := await self._database.scalar(query)) is not None:
            await self._note_use(key)
        return found

    @reads
    def _find_stored(self, connection: Connection, table: Table, keys: Collection[str]) -> set[str]:
        by_digest = {digest(connection, table.c.key, key): key for key in keys}
        rows = connection.execute(select(table.c.key).where(table.c.key.in_(by_digest)))
        return {by_digest[row.key] for row in rows}

    async def _note_use(self, key: str) -> None:
        """Save that the job at hand was given a result, with which it is to be deleted.

        key: after "|" it may say how the result was made.
        """
        use = {"job_id": REQUESTER.get().job_id, "key": key.partition("|")[0]}
        if use["job_id"]:
            await self._database.write(lambda one: one.execute(_USE, use))

    @writes
    def _save(
        self,
        connection: Connection,
        table: Table,
        values: Mapping[str, object],
        payment: Payment,
    ) -> None:
        now = self._database.now()
        new = connection.execute(insert_new(table), {**values, "created_at": now})
        if payment.stored and new.rowcount:
            owner = digest(connection, table.c.key, str(values["key"]))
            link(connection, payment.stored, SOUND, owner)
        if payment.job_id:
            use = {"job_id": payment.job_id, "key": values.get("whole") or values["key"]}
            connection.execute(_USE, use)
        if (cost := payment.cost) is not None:
            hour_at = now.replace(minute=0, second=0, microsecond=0)
            connection.execute(_BOOK, asdict(cost) | {"hour_at": hour_at, "calls": 1})
            model = cost.engine, metrics.MODELS[cost.model]
            metrics.ENGINE_RESULTS.labels(*model).inc()
            metrics.ENGINE_TOKENS.labels(*model, "prompt").inc(cost.prompt_tokens)
            metrics.ENGINE_TOKENS.labels(*model, "completion").inc(cost.completion_tokens)
        if payment.settlement is not None:
            settle(connection, payment.settlement, self._database.process)
