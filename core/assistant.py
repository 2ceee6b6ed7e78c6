"""Making the reply of a job: its command runs, and partial text is shown meanwhile."""

from __future__ import annotations

import asyncio
from functools import partial

from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.commands import load_command
from core.commands.context import Context
from core.interfaces import DeliveryTarget, Platform
from core.models import Job, Reply
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline


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

    async def make_reply(self, job: Job, platform: Platform) -> Reply:
        """Run the job's command and return its reply. Safe to repeat. Raises AssistantError."""
        target = self._store.deliveries.target(job)
        texts = asyncio.Queue[str]()
        progress = asyncio.create_task(_show(platform, target, texts))
        context = Context(
            job, job.message, job.settings, platform, self._transcription, self._synthesis,
            self._answering, self._store, self._clock, on_text=texts.put_nowait,
            on_audio=partial(platform.play, target),
        )  # fmt: skip
        try:
            reply = await load_command(job.command).function(context)
            return await context.add_voice(reply)
        finally:
            progress.cancel()
            await asyncio.gather(progress, return_exceptions=True)


async def _show(platform: Platform, target: DeliveryTarget, texts: asyncio.Queue[str]) -> None:
    """Show partial texts as they come. While one is being shown, only the newest waits."""
    shown = ""
    while True:
        text = await texts.get()
        while not texts.empty():
            text = texts.get_nowait() or text
        if text and text != shown:
            shown = text
            await platform.show(target, text)
