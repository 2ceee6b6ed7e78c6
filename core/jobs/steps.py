"""One job: its reply is made, saved and delivered, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from traceback import format_tb

import stamina
import structlog

from core import metrics
from core.assistant import Assistant
from core.clock import Clock
from core.commands import load_command
from core.commands.buttons.failure import offer_buttons
from core.commands.start import describe_self
from core.errors import (
    AssistantError,
    ChatMoved,
    OverBudget,
    PlatformError,
    UserError,
    describe_error,
)
from core.interfaces import Platform
from core.locale import translate
from core.models import Chat, Job, JobState, Reply
from core.operations.delays import DelayNotices
from core.operations.retries import RetryDecision, decide
from core.safety import disable_links_in
from core.store import Store

log = structlog.get_logger()


class JobSteps:
    """What is done with each job, whichever process has taken it."""

    def __init__(
        self, store: Store, assistant: Assistant, platforms: Mapping[str, Platform], clock: Clock
    ) -> None:
        self._store = store
        self._assistant = assistant
        self._platforms = platforms
        self._clock = clock
        self.delays = DelayNotices(store, platforms, clock)

    async def run(self, job: Job) -> bool:
        """Run a job that was begun. Return False if it may have to run again.

        It raises nothing but CancelledError: then the job's row says what is to become of it.
        """
        with structlog.contextvars.bound_contextvars(job=job.job_id, command=job.command):
            try:
                platform = self._platforms[job.message.chat.platform]
                reply, ledger = job.reply, self._store.deliveries.ledger(job)
                if reply is None:
                    async with self.delays.limit(job):
                        made = await self._assistant.make_reply(job, self._platforms)
                    if job.message.is_first and made != Reply():
                        made = made.begin_with(describe_self(job.message.language))
                    save = self._store.jobs.save_reply
                    reply = await save(job.job_id, made, JobState.DONE, ledger)
                elif reply.files:
                    reply = await self._store.files.load_all(reply, job.message.language)
                await platform.deliver(self._store.deliveries.target(job, ledger), reply)
                if not ledger.has_ended:
                    await self._store.jobs.finish(job.job_id, job.outcome, job.error)
                self._note_end(job, job.outcome)
            except Exception as error:  # noqa: BLE001  # the one place: no job may be lost
                await self._handle_error(job, error)
                return False
        return True

    def _note_end(self, job: Job, state: JobState) -> None:
        now_s = self._clock.monotonic()
        self.delays.timers.pop(job.job_id, None)
        self.delays.ended_at_s[job.message.chat] = now_s
        self.delays.ends_s.append(now_s)
        metrics.JOBS.labels(job.command, state).inc()
        age_s = (self._clock.now() - job.created_at).total_seconds()
        metrics.JOB_SECONDS.observe(age_s)
        log.info("finished", state=state, seconds=round(age_s, 3))

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def _handle_error(self, job: Job, error: Exception) -> None:
        """Retry, refuse, give up or cancel a job that failed."""
        age = self._clock.now() - job.created_at
        decision = decide(error, job.attempts, age, self.delays.waited_s(job))
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
            self.delays.timers.pop(job.job_id, None)
        elif job.reply is not None or isinstance(error, PlatformError):
            # The person cannot be told.
            is_cancelled = job.outcome is JobState.CANCELLED
            state = job.outcome if is_cancelled else JobState.DEAD
            await self._store.jobs.finish(job.job_id, state, describe_error(error))
            self._note_end(job, state)
        else:
            await self._save_failure(job, error, decision)

    async def _run_later(self, job: Job, decision: RetryDecision, error: Exception) -> None:
        await self.delays.tell_retry(job, error, decision.delay_s)
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
