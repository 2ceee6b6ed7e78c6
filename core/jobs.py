"""The job runner: one process, one loop over the table `jobs`.

A job that was running when the process ended waits again at the next start. It may run again from
its beginning at any moment, since each step first looks for its saved result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from datetime import timedelta
from traceback import format_tb
from typing import Any

import stamina
import structlog

from core import metrics
from core.assistant import Assistant
from core.clock import CLOCK, Clock
from core.commands import load_command
from core.commands.buttons.failure import offer_buttons
from core.commands.start import describe_self
from core.errors import (
    AssistantError,
    ChatMoved,
    OverBudget,
    PlatformError,
    StoreError,
    UserError,
    describe_error,
)
from core.interfaces import Platform
from core.locale import translate
from core.models import Chat, ClaimedJobs, Job, JobState, Reply
from core.operations.chores import IDLE_S, Chores
from core.operations.delays import DelayNotices
from core.operations.model_probe import ModelProbe
from core.operations.retries import RetryDecision, decide
from core.safety import disable_links_in
from core.store import Store
from core.store.work.restarts import Settle

#: Jobs that run concurrently.
MAX_RUNNING = 32
#: Of these, what is left free by people who have their share running: the next one's note begins at
#: once.
RESERVE = 8
#: Crashes of the process during a job, after which the job is taken for their cause.
MAX_CRASHES = 25

log = structlog.get_logger()


class JobRunner:
    """Runs jobs: in order within a chat, concurrently across chats."""

    def __init__(
        self,
        store: Store,
        assistant: Assistant,
        platforms: Mapping[str, Platform],
        model_probe: ModelProbe | None = None,
        clock: Clock = CLOCK,
    ) -> None:
        """model_probe: None to never probe the models."""
        self._store = store
        self._assistant = assistant
        self._platforms = platforms
        self._clock = clock
        self._is_awake = asyncio.Event()
        #: Makes the loop look at the table now: a job was added or has ended.
        self.wake = self._is_awake.set
        store.on_job(self.wake)
        store.cancellation.on_cancel = self.cancel
        store.restarts.interrupt = self.interrupt
        self._chores = Chores(store, model_probe, clock)
        #: The tasks of jobs, named after them, and those that interrupt them.
        self._running: set[asyncio.Task[None]] = set()
        #: Held from a job's claim until it has its task.
        self._claiming = asyncio.Lock()
        self._delays = DelayNotices(store, platforms, clock)
        self._is_stopping = False
        #: At the last look at the table there were jobs that could not run yet.
        self._has_waiting = False

    async def run(self) -> None:
        """Run jobs until cancelled."""
        chores = (self._chores.run(), self._delays.run())
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
                    task = asyncio.create_task(self._run_job(job), name=job.job_id)
                    self._running.add(task)
                    task.add_done_callback(self._forget)
            await self._sleep(found)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        # Else nothing waits for the end of this one: new jobs and retries wake the loop.
        if self._has_waiting:
            self.wake()
        elif not self._running:
            self._delays.has_jobs.clear()

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
        await self._settle(tasks, job_ids, self._store.cancellation.requeue)

    async def _interrupt(self, job_ids: Collection[str], settle: Settle) -> None:
        async with self._claiming:
            await self._settle(self._stop_tasks(job_ids), job_ids, settle)

    def _stop_tasks(self, job_ids: Collection[str]) -> list[asyncio.Task[None]]:
        tasks = [task for task in self._running if task.get_name() in job_ids]
        for task in tasks:
            task.cancel()
        return tasks

    async def _settle(
        self, tasks: Collection[asyncio.Task[None]], job_ids: Collection[str], settle: Settle
    ) -> None:
        persist = stamina.retry(on=StoreError, attempts=None, timeout=None, wait_max=30.0)
        await asyncio.gather(*tasks, return_exceptions=True)
        await persist(settle)(job_ids, {task.get_name() for task in tasks if task.cancelled()})
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
            self._delays.has_jobs.set()
        due_s = (found.next_at - self._clock.now()).total_seconds() if found.next_at else IDLE_S
        await self._clock.wait_for(self._is_awake, min(IDLE_S, max(0.0, due_s)))

    async def _run_job(self, job: Job) -> None:
        with structlog.contextvars.bound_contextvars(job=job.job_id, command=job.command):
            try:
                platform = self._platforms[job.message.chat.platform]
                reply, ledger = job.reply, self._store.deliveries.ledger(job)
                if reply is None:
                    async with self._delays.limit(job):
                        made = await self._assistant.make_reply(job, self._platforms)
                    if job.message.is_first and made != Reply():
                        made = made.begin_with(describe_self(job.message.language))
                    save = self._store.jobs.save_reply
                    reply = await save(job.job_id, made, JobState.DONE, ledger)
                await platform.deliver(self._store.deliveries.target(job, ledger), reply)
                if not ledger.has_ended:
                    await self._store.jobs.finish(job.job_id, job.outcome, job.error)
                self._note_end(job, job.outcome)
            except Exception as error:  # noqa: BLE001  # the one place: no job may be lost
                await self._handle_error(job, error)
                self.wake()

    def _note_end(self, job: Job, state: JobState) -> None:
        now_s = self._clock.monotonic()
        self._delays.timers.pop(job.job_id, None)
        self._delays.ended_at_s[job.message.chat] = now_s
        self._delays.ends_s.append(now_s)
        metrics.JOBS.labels(job.command, state).inc()
        age_s = (self._clock.now() - job.created_at).total_seconds()
        metrics.JOB_SECONDS.observe(age_s)
        log.info("finished", state=state, seconds=round(age_s, 3))

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def _handle_error(self, job: Job, error: Exception) -> None:
        """Retry, refuse, give up or cancel a job that failed."""
        age = self._clock.now() - job.created_at
        decision = decide(error, job.attempts, age, self._delays.waited_s(job))
        # What the sender can fix is no problem of the operator.
        note = log.info if isinstance(error, UserError) else log.warning
        note(
            "failed",
            error=describe_error(error),
            then=decision.kind,
            attempt=job.attempts,
            trace=None if isinstance(error, AssistantError) else format_tb(error.__traceback__),
        )
        if isinstance(error, ChatMoved):
            old = job.message.chat
            new = Chat(old.platform, old.bot_id, error.new_chat_id)
            await self._store.chats.move(old, new)
        if decision.kind == "retry":
            await self._run_later(job, decision, error)
        elif decision.kind == "cancel":
            await self._store.jobs.cancel_chat(job.message.chat)
            self._delays.timers.pop(job.job_id, None)
        elif job.reply is not None or isinstance(error, PlatformError):
            # The person cannot be told.
            is_cancelled = job.outcome is JobState.CANCELLED
            state = job.outcome if is_cancelled else JobState.DEAD
            await self._store.jobs.finish(job.job_id, state, describe_error(error))
            self._note_end(job, state)
        else:
            await self._save_failure(job, error, decision)

    async def _run_later(self, job: Job, decision: RetryDecision, error: Exception) -> None:
        await self._delays.tell_retry(job, error, decision.delay_s)
        run_at = self._clock.now() + timedelta(seconds=decision.delay_s)
        name, is_attempt = describe_error(error), decision.is_attempt
        await self._store.jobs.run_later(job.job_id, run_at, name, is_attempt=is_attempt)

    async def _save_failure(self, job: Job, error: Exception, decision: RetryDecision) -> None:
        """Save the error as the reply; what may end better gets a button to try again."""
        language = job.message.language
        known = error if isinstance(error, AssistantError) else AssistantError()
        command = load_command(job.command)
        values: dict[str, object] = {"job": job.job_id, "failure": command.purpose.failure}
        values |= disable_links_in(known.values)
        wording = self._platforms[job.message.chat.platform].wording
        text = translate(wording.get(known.user_text, known.user_text), language, **values)
        is_given_up = decision.kind == "give_up"
        outcome = JobState.DEAD if is_given_up else JobState.REFUSED
        reply = Reply(text, buttons=offer_buttons(job, error, is_given_up=is_given_up))
        if job.message.is_first:
            reply = reply.begin_with(describe_self(language))
        is_unasked = isinstance(error, OverBudget) and job.message.is_unasked
        if command.is_silent or is_unasked:
            reply = Reply()  # nobody waits for it
        await self._store.jobs.save_reply(job.job_id, reply, outcome)
        # The failure is delivered like a reply; that is no further attempt.
        now, name = self._clock.now(), describe_error(error)
        await self._store.jobs.run_later(job.job_id, now, name, is_attempt=False)
