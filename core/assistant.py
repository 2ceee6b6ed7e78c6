"""The assistant: picks the command that answers a message, and makes the reply."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.commands import load_command
from core.commands.buttons.failure import GO, go_on
from core.commands.context import Context
from core.errors import NotAllowed, OverBudget
from core.interfaces import Platform
from core.limits.budget_texts import add_local_time
from core.models import (
    Job,
    Reply,
)
from core.operations.delays import show_updates
from core.permissions import Action, may
from core.requester import requester_of, work_for
from core.store import Store
from core.summaries.pipeline import find_chat_zone
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline
from core.transcription.progress import Progress

log = structlog.get_logger()


class Assistant:
    """Makes the replies of jobs."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        synthesis: SynthesisPipeline,
        answering: AnsweringPipeline,
        clock: Clock = CLOCK,
    ) -> None:
        self._store = store
        self._transcription = transcription
        self._synthesis = synthesis
        self._answering = answering
        self._clock = clock

    async def make_reply(self, job: Job, platforms: Mapping[str, Platform]) -> Reply:
        """Run the job's command and return its reply. Safe to repeat. Raises AssistantError."""
        platform = platforms[job.message.chat.platform]
        target, updates = self._store.deliveries.target(job), asyncio.Queue[str | Progress]()
        progress = asyncio.create_task(show_updates(self._store.jobs, platform, target, updates))
        context = Context(
            job, job.message, job.settings, platform, self._transcription, self._synthesis,
            self._answering, self._store, self._clock, updates.put_nowait, updates.put_nowait,
            partial(platform.play, target), platforms=platforms,
        )  # fmt: skip
        try:
            command = load_command(job.command)
            action = command.action(job.message.text)
            if action is not Action.SCHEDULED and not platform.is_allowed(job.message):
                return Reply()  # banned since
            if not await may(platform, job.message, action):
                if action is not Action.OPERATE:
                    raise NotAllowed
                command = load_command("unknown")  # others are not to know that it exists
            if job.message.button and job.message.text.startswith(GO):
                context = await go_on(context)
            with work_for(requester_of(job.message, job.job_id)):
                return await context.add_voice(await command.function(context))
        except OverBudget as error:
            await self._explain(job, error)
            raise
        finally:
            progress.cancel()
            await asyncio.gather(progress, return_exceptions=True)

    async def _explain(self, job: Job, error: OverBudget) -> None:
        """Let the sentence say at what local time there is room, and to whom it is said."""
        zone = await find_chat_zone(self._store, job.message.chat)
        add_local_time(error, zone, job.message.language)
        if job.message.is_unasked and not load_command(job.command).is_silent:
            watch = self._transcription.budgets.watch
            watch.note_unasked(error, requester_of(job.message))
