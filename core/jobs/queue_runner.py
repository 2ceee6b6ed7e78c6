"""The job runner of PostgreSQL: any number of processes, which procrastinate gives jobs to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

import stamina
import structlog
from procrastinate import JobContext
from procrastinate.exceptions import ConnectorException

from core.assistant import Assistant
from core.errors import StoreError
from core.interfaces import Platform
from core.jobs import Takes
from core.jobs.runner import MAX_CRASHES
from core.jobs.shared_queue import (
    DEAD_AFTER_S,
    PLACES,
    QueueWorker,
    RunLater,
    add_chore,
    add_own_queue,
    build_app,
    build_workers,
)
from core.jobs.steps import JobSteps
from core.jobs.stopping import STOPPED
from core.models import Job, JobState
from core.operations.chores import Chores
from core.operations.model_probe import ModelProbe
from core.operations.ownership import Ownership
from core.store import Store
from core.store.database.fencing import FENCE, Fence

#: How often jobs of processes that have ended are looked for.
TAKE_OVER_S = 2.0

#: How often a job that waits for the end of a pause looks for it.
_PAUSE_S = 0.5

#: How long a process that stops waits for the database.
GIVE_BACK_S = 1.0
#: The event that a process has given back what it ran.
GIVEN_BACK = "given back"

log = structlog.get_logger()
_persist = stamina.retry(on=StoreError, attempts=None, timeout=None, wait_max=5.0)


class QueueRunner:
    """Runs jobs that many processes share: in order within a chat, concurrently across chats."""

    def __init__(
        self,
        store: Store,
        assistant: Assistant,
        platforms: Mapping[str, Platform],
        model_probe: ModelProbe | None = None,
        takes: Takes = Takes.SHARED,
    ) -> None:
        """model_probe: None to never probe the models."""
        self._store = store
        self._clock = clock = store.clock
        self.steps = JobSteps(store, assistant, platforms, clock)
        self._app = build_app(store.conninfo, self._run_entry)
        self._add_chores(Chores(store, model_probe, clock))
        self._places = PLACES * (Takes.SHARED in takes)
        if Takes.OWN in takes:
            self._places = add_own_queue(self._places, store.process)
        self._workers = build_workers(self._app, self._places)
        #: By job id: those that run here, and those of them that only deliver what was cancelled.
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._last_words = set[str]()
        self._is_stopping = asyncio.Event()
        #: Entries that the queue says this process has, and that it does not run.
        self._left = set[int]()
        #: It tells people about jobs that no process has begun.
        self._is_leader = False
        self.steps.delays.watches = self._watches
        self.steps.delays.has_jobs.set()
        store.events.subscribe(STOPPED, self.stop_jobs)
        store.events.subscribe(GIVEN_BACK, self._look)

    def _add_chores(self, chores: Chores) -> None:
        for name, cron, do in (
            ("digests", "* * * * * */5", chores.fire_due),
            ("repair", "* * * * * */10", self._repair),
            ("purge", "7 * * * *", chores.purge),
            ("probe_models", "*/10 * * * *", chores.probe_models),
        ):
            add_chore(self._app, name, cron, do)

    async def run(self) -> None:
        """Run jobs until cancelled."""
        async with self._app.open_async():
            leading = Ownership(self._store).run("notices", self._lead)
            loops = [self._run_worker(worker) for worker in self._workers]
            loops += [self._take_over(), leading, self.steps.delays.run()]
            tasks = [asyncio.create_task(loop) for loop in loops]
            log.info("worker started", places=sum(count for _, count in self._places))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
            finally:
                # Each once: a second time would interrupt what it does at its end.
                for task in tasks:
                    task.cancel()
                # Without a database they would not end.
                await asyncio.wait(tasks, timeout=GIVE_BACK_S)

    async def stop(self, grace_s: float = 5.0) -> None:
        """Begin no more jobs, and give those back that still run after `grace_s`."""
        self._is_stopping.set()
        for worker in self._workers:
            worker.stop()  # type: ignore[no-untyped-call]
        had_jobs = any(worker.entries for worker in self._workers)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=grace_s)
        for task in self._running.values():
            task.cancel()
        until_s = self._clock.monotonic() + GIVE_BACK_S
        while any(worker.entries for worker in self._workers):
            if self._clock.monotonic() >= until_s:
                return  # without a database they are not given back, but taken over
            await self._clock.sleep(0.02)
        if had_jobs:
            with suppress(StoreError):  # the others would see them within a second
                await self._store.events.publish(GIVEN_BACK, None)

    def stop_jobs(self, job_ids: Collection[str]) -> None:
        """Interrupt those of these jobs that run here: their rows say what is to become of them."""
        for job_id in (self._running.keys() & set(job_ids)) - self._last_words:
            self._running[job_id].cancel()

    def _look(self, _given: object) -> None:
        self._workers[0].on_add()

    async def _run_worker(self, worker: QueueWorker) -> None:
        while not self._is_stopping.is_set():
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            except ConnectorException as error:
                log.warning("the queue failed", error=type(error).__name__)
                await self._clock.sleep(1.0)

    async def _run_entry(self, context: JobContext, job_id: str) -> None:
        """Run a job for as long as it is due and its entry is this one."""
        entry = context.job.id or 0
        begin = _persist(self._store.shared_jobs.begin)
        while not self._is_stopping.is_set():
            begun = await begin(job_id, entry, MAX_CRASHES)
            if begun.is_paused:
                await self._clock.sleep(_PAUSE_S)
            elif begun.job is None and begun.again_at is None:
                return
            elif begun.job is None:
                raise RunLater(begun.again_at)
            elif await self._run_begun(begun.job, begun.fence):
                return
        raise RunLater

    async def _run_begun(self, job: Job, fence: Fence | None) -> bool:
        """Run a job; return False if it may have to run again."""
        token = FENCE.set(fence)
        task = asyncio.create_task(self.steps.run(job), name=job.job_id)
        FENCE.reset(token)
        self._running[job.job_id] = task
        if job.outcome is JobState.CANCELLED:
            self._last_words.add(job.job_id)
        try:
            await asyncio.wait({task})
        finally:
            if self._running.get(job.job_id) is task:
                del self._running[job.job_id]
                self._last_words.discard(job.job_id)
        if not task.cancelled():
            return task.result()
        await _persist(self._store.shared_jobs.give_back)(job.job_id, fence)
        return False

    async def _take_over(self) -> None:
        """Take over jobs of processes that have ended, and entries that were left behind here."""
        while True:
            await self._clock.sleep(TAKE_OVER_S)
            with suppress(StoreError, ConnectorException):
                stalled = self._app.job_manager.get_stalled_jobs
                for entry in await stalled(seconds_since_heartbeat=DEAD_AFTER_S):
                    if await self._store.shared_jobs.take_over(entry.id or 0, entry.worker_id):
                        log.info("a job of a process that ended runs again", entry=entry.id)
                await self._drop_left()

    async def _drop_left(self) -> None:
        """Take over entries that the queue has given this process, and that it does not know of.

        That happens when a connection breaks. One that was just given is not known yet: only what
        is so twice is taken.
        """
        left = dict[int, int | None]()
        for worker in self._workers:
            found = self._app.job_manager.list_jobs_async(
                worker_id=worker.worker_id or 0, status="doing"
            )
            left |= {one.id or 0: worker.worker_id for one in await found}
        for worker in self._workers:
            for entry in worker.entries:
                left.pop(entry, None)
        for entry in self._left & left.keys():
            await self._store.shared_jobs.take_over(entry, left[entry])
        self._left = {*left}

    async def _lead(self) -> None:
        self._is_leader = True
        try:
            await asyncio.Event().wait()
        finally:
            self._is_leader = False

    def _watches(self, job: Job) -> bool:
        is_begun = job.state is JobState.RUNNING
        return job.job_id in self.steps.delays.timers or (self._is_leader and not is_begun)

    async def _repair(self) -> None:
        if count := await self._store.shared_jobs.repair():
            log.info("jobs that were in no queue are in one", jobs=count)
