"""This machine alone: pocketsphinx hears English, espeak-ng speaks, a rule picks what was said.

Nothing leaves the house.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import ClassVar

from core.config import Settings
from core.engines.offline import espeak
from core.engines.offline.extracts import extract
from core.engines.wire.speech import check_preset, strip_tags
from core.errors import EngineBadReply, EngineBusy, EngineError, EngineRefused
from core.interfaces import AnswererLimits, SynthesizerLimits, TranscriberLimits
from core.models import Answer, Audio, Question, Segment, Transcript, Usage, Utterance, Voice
from core.worker_process import WorkerError, WorkerMissing, WorkerRefused
from core.worker_process.pool import WorkerPool

#: It reads passages one by one, so that no number of them is too many.
_NO_LIMIT = 1_000_000_000
_SPEAKABLE = re.compile(r"\w")


class Offline:
    """Hears English only: a word in four is wrong, and other languages come out as nonsense.

    Speaks clearly, in several languages and without any style.
    """

    name = "offline"
    requires: ClassVar[str] = ""
    model = "pocketsphinx-en-us"
    speech_model = "espeak-ng"
    chat_model = "extracts"
    speech_rate_hz = espeak.RATE_HZ
    #: Longest silence of a child, beyond the length of its sound (it needs about a seventh).
    stall_s: float = 20.0

    def __init__(self, settings: Settings) -> None:
        size = min(2, os.cpu_count() or 1)
        self.limits = TranscriberLimits(
            formats=("wav",), max_piece_s=120.0, target_piece_s=45.0, concurrency=size
        )
        self.speech_limits = SynthesizerLimits(concurrency=size)
        self.chat_limits = AnswererLimits(
            concurrency=size, context_tokens=_NO_LIMIT, can_translate=False
        )
        self._pool = WorkerPool("core.engines.offline.pocketsphinx_worker", size=size)
        self._espeak = espeak.Espeak(size=size)

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """It needs nothing."""
        return True

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: Callable[[str], None] | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """See Transcriber. Takes WAV of 16 kHz, mono, 16 bit; nothing else changes anything."""
        segments: list[Segment] = []
        work = self._pool.run({}, audio.data, stall_s=self.stall_s + audio.duration_s)
        try:
            async with aclosing(work) as frames:
                async for header, _ in frames:
                    segments.append(Segment(**header))
                    if on_text is not None:
                        on_text(_join(segments))
        except WorkerError as error:
            raise read_error(error) from error
        return Transcript(
            text=_join(segments),
            segments=tuple(segments),
            duration_s=audio.duration_s,
            is_rough=True,
            usage=Usage(engine=self.name, model=self.model, audio_s=audio.duration_s),
        )

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices."""
        return espeak.VOICES

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """See Synthesizer. All sound comes at once. Raises SynthesizerMissing without espeak-ng."""
        check_preset(utterance)
        text = strip_tags(utterance.text)
        if not _SPEAKABLE.search(text):
            raise EngineRefused("no words", reason="there is nothing to speak in it")
        voice_id = utterance.voice or espeak.pick_voice(text)
        if all(voice.voice_id != voice_id for voice in espeak.VOICES):
            raise EngineRefused("no such voice", reason="it does not know this voice")
        try:
            samples = await self._espeak.speak(text, voice_id)
        except WorkerError as error:
            raise read_error(error) from error
        if not samples:
            raise EngineBadReply("no sound")
        yield samples

    async def answer(
        self, question: Question, *, on_text: Callable[[str], None] | None = None
    ) -> Answer:
        """See Answerer. Points at passages; raises AnswererMissing, NothingFound."""
        text = await asyncio.to_thread(extract, question)
        return Answer(text, is_extract=True, usage=Usage(self.name, self.chat_model))

    async def warm_up(self) -> None:
        """Load the model before the first recording comes. Raises EngineBusy."""
        try:
            await self._pool.warm_up()
        except WorkerError as error:
            raise read_error(error) from error

    async def close(self) -> None:
        """End the child processes."""
        await self._pool.close()
        await self._espeak.close()


def read_error(error: WorkerError) -> EngineError:
    """Return what the failure of a child means to us."""
    if isinstance(error, WorkerRefused) and error.kind == "format":
        return EngineRefused(str(error), reason="the format is not supported")
    if isinstance(error, WorkerMissing | WorkerRefused):
        return EngineBusy(str(error))
    return EngineBadReply(str(error))


def _join(segments: list[Segment]) -> str:
    return " ".join(segment.text for segment in segments)
