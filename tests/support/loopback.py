"""In-process assistant between a recording platform and scripted engines, for tests."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from core.answering.pipeline import AnsweringPipeline
from core.assistant import Assistant
from core.audio import Media
from core.errors import AssistantError
from core.inbox import Inbox
from core.interfaces import (
    Answerer,
    AnswererLimits,
    OnText,
    Synthesizer,
    SynthesizerLimits,
    TranscriberLimits,
)
from core.jobs import build_runner
from core.jobs.runner import JobRunner
from core.limits.budgets import Budgets
from core.models import (
    Answer,
    Audio,
    JobState,
    Question,
    Transcript,
    Usage,
    Utterance,
    Voice,
)
from core.operations.roles import list_roles
from core.operations.status import OperatorStatus
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline
from tests.support import audio_samples
from tests.support.clean_start import settle
from tests.support.loopback_platform import LoopbackPlatform as LoopbackPlatform
from tests.support.thread_media import ThreadMedia
from tests.support.virtual_time import current_clock, is_virtual


class ScriptedEngine:
    """Base of the scripted engines."""

    name = processor = "scripted"

    def __init__(self) -> None:
        #: Raised by the next calls, one each; None lets a call through.
        self.failures: list[AssistantError | None] = []

    def fail(self) -> None:
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure

    async def close(self) -> None:
        pass


class ScriptedTranscriber(ScriptedEngine):
    """Implements `core.interfaces.Transcriber`."""

    model = "scripted-1"

    def __init__(self, limits: TranscriberLimits | None = None) -> None:
        super().__init__()
        self.limits = limits or TranscriberLimits()
        #: Length of the audio of each call, and when it was made.
        self.calls: list[float] = []
        self.called_at: list[datetime] = []
        #: The transcript; empty = "call 1", "call 2", …
        self.text = ""
        #: Of the first call, and how much longer each call takes than the one before.
        self.latency_s = self.slower_s = 0.0
        self.at_once = self.most_at_once = 0

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        self.calls.append(audio.duration_s)
        self.called_at.append(current_clock().now())
        number = len(self.calls)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.latency_s + (number - 1) * self.slower_s)
            self.fail()
        finally:
            self.at_once -= 1
        text = self.text or f"call {number}"
        if on_text:
            on_text(text)
        usage = Usage(self.name, self.model, audio.duration_s)
        return Transcript(text, duration_s=audio.duration_s, usage=usage)


class ScriptedSynthesizer(ScriptedEngine):
    """Implements `core.interfaces.Synthesizer`: a tone whose length follows the text."""

    model = "scripted-tone"
    rate_hz = 24_000
    #: Length of the tone per character.
    char_s = 0.05

    def __init__(self) -> None:
        super().__init__()
        self.limits = SynthesizerLimits(
            max_chars=200, can_style=True, can_design=True, max_sample_bytes=10**7
        )
        self.utterances: list[Utterance] = []

    def voices(self) -> tuple[Voice, ...]:
        return (Voice("Mia", "Mia", "en", "female"), Voice("白桦", "白桦", "zh", "male"))

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        self.utterances.append(utterance)
        pcm = audio_samples.tone(self.char_s * len(utterance.text), rate_hz=self.rate_hz)
        yield pcm[: len(pcm) // 4 * 2]
        self.fail()
        yield pcm[len(pcm) // 4 * 2 :]


class ScriptedAnswerer(ScriptedEngine):
    """Implements `core.interfaces.Answerer`: the first matching script."""

    model = "scripted-chat"

    def __init__(self, limits: AnswererLimits | None = None) -> None:
        super().__init__()
        formats = ("audio/mpeg", "audio/wav", "audio/flac", "audio/mp4", "audio/ogg")
        self.limits = limits or AnswererLimits(formats=formats, max_bytes=37_000_000)
        #: Pattern, searched in the question, else in the system prompt -> answer.
        self.scripts: dict[str, str | Answer] = {}
        #: Pattern of questions answered by LISTEN if there is only text.
        self.wants_audio = ""
        self.latency_s = 0.0
        self.questions: list[Question] = []

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        self.questions.append(question)
        await asyncio.sleep(self.latency_s)
        self.fail()
        answer = self._find(question)
        if on_text:
            on_text(answer.text)
        return replace(answer, usage=Usage(self.name, self.model, 0.0, 10, 10))

    def sounds(self) -> list[int]:
        """Return the number of recordings in each call."""
        return [sum(len(turn.audios) for turn in q.turns) for q in self.questions]

    def _find(self, question: Question) -> Answer:
        asked = question.turns[-1].text
        may_listen = self.wants_audio and "LISTEN" in question.instructions
        if may_listen and re.search(self.wants_audio, asked):
            return Answer("LISTEN")
        for place in (question.turns[-1].text, question.instructions):
            for pattern, answer in self.scripts.items():
                if re.search(pattern, place):
                    return answer if isinstance(answer, Answer) else Answer(answer)
        return Answer(f"answer {len(self.questions)}")


class Loopback:
    """The assistant on one store, between the platform and the engines above."""

    def __init__(
        self,
        store: Store,
        engine: ScriptedTranscriber,
        media: Media | None = None,
        synthesizer: Synthesizer | None = None,
        answerer: Answerer | None = None,
    ) -> None:
        media = media or ThreadMedia(store.recordings.begin)
        self.store, self.engine, self.platform = store, engine, LoopbackPlatform()
        clock = current_clock()
        self.budgets = Budgets(store.budgets, clock=clock)
        shared = store.results, self.budgets, clock
        self.transcription = TranscriptionPipeline(media, engine, *shared)
        self.synthesizer = ScriptedSynthesizer()
        self.synthesis = SynthesisPipeline(synthesizer or self.synthesizer, *shared)
        self.answerer = ScriptedAnswerer()
        self.answering = AnsweringPipeline(media, answerer or self.answerer, *shared)
        parts = self.transcription, self.synthesis, self.answering
        self.assistant = Assistant(store, *parts, clock)
        status = OperatorStatus(store, list_roles(*parts), self.budgets)
        self.inbox = Inbox(store, self.synthesis, status)
        self.inbox.platforms = {"test": self.platform}
        # The queue that many processes share has no virtual time.
        build = JobRunner if is_virtual() else build_runner
        self.worker: Any = build(store, self.assistant, self.inbox.platforms)

    async def settle(self) -> dict[JobState, int]:
        """Wait until no job is open; return the number in each state."""
        return await settle(self.store)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.worker.run())
        try:
            yield
        finally:
            await self.worker.stop(grace_s=1.0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def run_loopback(
    store: Store, engine: Any = None, synthesizer: Synthesizer | None = None, answerer: Any = None
) -> AsyncIterator[Loopback]:
    """Run a loopback that decodes in threads; `engine` transcribes."""
    loopback = Loopback(store, engine or ScriptedTranscriber(), None, synthesizer, answerer)
    async with loopback.running():
        yield loopback
