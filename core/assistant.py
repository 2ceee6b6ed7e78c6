"""Making the reply of a job: its command runs, and partial text is shown meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.commands import load_command
from core.commands.context import Context
from core.interfaces import DeliveryTarget, OnText, Platform
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
        target = self._store.target(job)
        async with _show_progress(platform, target) as on_text:
            context = Context(
                job, job.message, job.settings, platform, self._transcription, self._synthesis,
                self._answering, self._store, self._clock, on_text,
                on_audio=partial(platform.play, target),
            )  # fmt: skip
            reply = await load_command(job.command).function(context)
            return await context.add_voice(reply)


@asynccontextmanager
async def _show_progress(platform: Platform, target: DeliveryTarget) -> AsyncIterator[OnText]:
    """Yield a callback for partial text. While one text is being shown, only the newest waits."""
    newest = ""
    is_new = asyncio.Event()

    def on_text(text: str) -> None:
        nonlocal newest
        if text and text != newest:
            newest = text
            is_new.set()

    async def show() -> None:
        while True:
            await is_new.wait()
            is_new.clear()
            await platform.show(target, newest)

    task = asyncio.create_task(show())
    try:
        yield on_text
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
