"""POST /v1/audio/transcriptions: a recording becomes a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.leniency import Leniency
from bots.openai_api.stream import EVENTS, Stream, begin, build_event, follow_text
from bots.openai_api.transcription_request import TranscriptionForm, read_transcription_form
from bots.openai_api.transcription_response import (
    PlainTranscription,
    TextDelta,
    TextDone,
    build_transcription,
)
from core import metrics
from core.glossary.apply import apply_to
from core.glossary.prompt_terms import find_corrections, list_terms
from core.models import Transcript
from core.transcription.pipeline import TranscriptionOptions
from core.transcription.progress import Progress


@dataclass(frozen=True, slots=True)
class TranscriptionRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> Response | PlainTranscription:
        """Transcribe a recording."""
        form, key_name = await read_transcription_form(request), request.state.key_name
        leniency = request.state.leniency
        self.context.pick_model(form.model, "transcriber", leniency)
        form = self.drop_unsupported(form, leniency)
        if not form.is_streamed:
            transcript = await self.transcribe(form, key_name)
            # Finding the times in an hour of speech takes a second.
            return await asyncio.to_thread(build_transcription, form, transcript)
        events = await begin(self._stream(form, key_name))
        return Stream(events, EVENTS, request.state.request_id)

    def drop_unsupported(self, form: TranscriptionForm, leniency: Leniency) -> TranscriptionForm:
        """Return what this engine can do of a request. Raises ApiError."""
        if form.temperature and not self.context.transcription.transcriber.limits.can_vary:
            leniency.drop("temperature must be 0: this model is deterministic", "temperature")
            return form.model_copy(update={"temperature": None})
        return form

    async def transcribe(
        self, form: TranscriptionForm, key_name: str, on_text: Callable[[str], None] | None = None
    ) -> Transcript:
        """Return the transcript of a recording, with the terms of the prompt corrected."""
        terms = list_terms(form.prompt)

        def show(progress: Progress) -> None:
            if on_text:
                on_text(progress.text)

        transcribe = partial(
            self.context.transcription.transcribe,
            form.file,
            language=form.language,
            options=TranscriptionOptions(form.temperature),
            # What is corrected at the end cannot be shown before.
            on_progress=show if on_text and not terms else None,
        )
        with metrics.measure() as meter:
            transcript = (await retry_once(transcribe)).transcript
        await self.context.keys.spend(key_name, meter.audio_s)
        # In a thread: each term is compared with all words.
        corrections = await asyncio.to_thread(find_corrections, transcript.text, terms)
        return apply_to(transcript, corrections)

    async def _stream(self, form: TranscriptionForm, key_name: str) -> AsyncGenerator[bytes, None]:
        """Yield an event for each piece of new text, then one with the whole text."""
        async with aclosing(follow_text(partial(self.transcribe, form, key_name))) as parts:
            async for new, transcript in parts:
                if new:
                    yield build_event(TextDelta(type="transcript.text.delta", delta=new))
                if transcript:
                    yield build_event(TextDone(type="transcript.text.done", text=transcript.text))
