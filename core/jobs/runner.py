"""The job runner of SQLite: one process, one loop over the table `jobs`.

A job that was running when the process ended waits again at the next start. It may run again from
its beginning at any moment, since each step first looks for its saved result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from typing import Any

import stamina
import structlog

from core.assistant import Assistant
from core.errors import StoreError
from core.interfaces import Platform
from core.jobs.steps import JobSteps
from core.models import ClaimedJobs
from core.operations.chores import IDLE_S, Chores
from core.operations.model_probe import ModelProbe
from core.store import Store
from core.store.work.restarts import Settle

#: Jobs that run concurrently.
MAX_RUNNING = 32
#: Of these, what is left free by people who have their share running: the next one's note begins at
#: once.
RESERVE = 8
#: Crashes of the process during a job, after which the job is taken for their cause.
MAX_CRASHES = 25
#: Longest sleep while all work is paused: another process may let it go on.
PAUSED_S = 5.0

log = structlog.get_logger()


class JobRunner:
    """Runs jobs: in order within a chat, concurrently across chats."""

    def __init__(
        self,
        store: Store,
        assistant: Assistant,
        platforms: Mapping[str, Platform],
        model_probe: ModelProbe | None = None,
    ) -> None:
        """model_probe: None to never probe the models."""
        self._store = store
        self._clock = clock = store.clock
        self._is_awake = asyncio.Event()
        #: Makes the loop look at the table now: a job was added or has ended.
        self.wake = self._is_awake.set
        store.on_job(self.wake)
        store.cancellation.on_cancel = self.cancel
        store.restarts.interrupt = self.interrupt
        self._chores = Chores(store, model_probe, clock)
        #: The tasks of jobs, named after them, and those that interrupt them.
        self._running: set[asyncio.Task[Any]] = set()
        #: Held from a job's claim until it has its task.
        self._claiming = asyncio.Lock()
        self.steps = JobSteps(store, assistant, platforms, clock)
        self._is_stopping = False
        #: At the last look at the table there were jobs that could not run yet.
        self._has_waiting = False

    async def run(self) -> None:
        """Run jobs until cancelled."""
        chores = (self._chores.run(), self.steps.delays.run())
        background = [asyncio.create_task(chore) for chore in chores]
        try:
            await self._run()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    async def _run(self) -> None:
        lost = await self._store.jobs.requeue_lost(MAX_CRASHES)
        if lost:
            log.info("jobs of the last process run again", jobs=lost)
        persist = stamina.retry(on=StoreError, attempts=None, timeout=None, wait_max=30.0)
        claim = persist(self._store.jobs.claim)
        while not self._is_stopping:
            self._is_awake.clear()
            async with self._claiming:
                found = await claim(max(0, MAX_RUNNING - len(self._running)), RESERVE)
                for job in found.jobs:
                    task = asyncio.create_task(self.steps.run(job), name=job.job_id)
                    self._running.add(task)
                    task.add_done_callback(self._forget)
            if found.paused_at != self._store.controls.paused_at:
                await persist(self._store.controls.load)()  # it was turned by another process
            await self._sleep(found)

    def _forget(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        may_run_again = not task.cancelled() and not task.result()
        # Else nothing waits for the end of this one: new jobs wake the loop.
        if self._has_waiting or may_run_again:
            self.wake()
        elif not self._running:
            self.steps.delays.has_jobs.clear()

    def cancel(self, job_ids: Collection[str]) -> None:
        """Interrupt jobs that were cancelled in the database; they end with the replies there."""
        self._start(self._cancel(job_ids))

    def interrupt(self, job_ids: Collection[str], settle: Settle) -> asyncio.Task[None]:
        """Interrupt jobs, and settle them before any job begins."""
        return self._start(self._interrupt(job_ids, settle))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="interrupt")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _cancel(self, job_ids: Collection[str]) -> None:
        # Their rows say that they are cancelled, so others may begin while these still end.
        async with self._claiming:
            tasks = self._stop_tasks(job_ids)
        await asyncio.gather(*tasks, return_exceptions=True)
        # One that has noticed by itself may have begun again meanwhile.
        async with self._claiming:
            await self._settle(tasks, job_ids, self._store.cancellation.requeue)

    async def _interrupt(self, job_ids: Collection[str], settle: Settle) -> None:
        async with self._claiming:
            await self._settle(self._stop_tasks(job_ids), job_ids, settle)

    def _stop_tasks(self, job_ids: Collection[str]) -> list[asyncio.Task[Any]]:
        tasks = [task for task in self._running if task.get_name() in job_ids]
        for task in tasks:
            task.cancel()
        return tasks

    async def _settle(
        self, tasks: Collection[asyncio.Task[Any]], job_ids: Collection[str], settle: Settle
    ) -> None:
        persist = stamina.retry(on=StoreError, attempts=None, timeout=None, wait_max=30.0)
        await asyncio.gather(*tasks, return_exceptions=True)
        interrupted = {task.get_name() for task in tasks if task.cancelled()}
        running = {task.get_name() for task in self._running}
        await persist(settle)(job_ids, interrupted - running)
        self.wake()

    async def stop(self, grace_s: float = 5.0) -> None:
        """Claim no more jobs, and cancel those still running after `grace_s` for the next start."""
        self._is_stopping = True
        self.wake()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _sleep(self, found: ClaimedJobs) -> None:
        # A job that was due and not claimed waits for a running one, whose end wakes the loop.
        self._has_waiting = found.has_waiting
        if found.has_waiting or self._running:
            self.steps.delays.has_jobs.set()
        idle_s = PAUSED_S if found.paused_at else IDLE_S
        due_s = (found.next_at - self._clock.now()).total_seconds() if found.next_at else idle_s
        await self._clock.wait_for(self._is_awake, min(idle_s, max(0.0, due_s)))
