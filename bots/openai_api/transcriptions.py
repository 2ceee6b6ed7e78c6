"""POST /v1/audio/transcriptions: a recording becomes a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from bots.common.uploads import read_form
from bots.openai_api.bodies import BODY_S
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.errors import refuse
from bots.openai_api.stream import EVENTS, Done, Growth, Stream, begin, build_event, follow
from bots.openai_api.transcription_bodies import (
    PlainTranscription,
    TextDelta,
    TextDone,
    TranscriptionForm,
    build_transcription,
    read_form_fields,
)
from core.models import Transcript

_MAX_FIELDS = 24


@dataclass(frozen=True, slots=True)
class TranscriptionRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> Response | PlainTranscription:
        """Transcribe a recording."""
        key_name = request.state.key_name
        await self.context.budgets.check_audio(key_name)
        async with asyncio.timeout(BODY_S):
            fields = await read_form(request, max_fields=_MAX_FIELDS)
        try:
            form = await read_form_fields(fields)
        finally:
            await fields.close()
        self.context.pick_model(form.model, "transcriber")
        if form.temperature and not self.context.transcription.transcriber.limits.can_vary:
            raise refuse("temperature must be 0: this model is deterministic", "temperature")
        if not form.stream:
            return build_transcription(form, await self._transcribe(form, key_name))
        events = await begin(self._stream(form, key_name))
        return Stream(events, EVENTS, request.state.request_id)

    async def _transcribe(
        self, form: TranscriptionForm, key_name: str, on_text: Callable[[str], None] | None = None
    ) -> Transcript:
        transcribe = partial(
            self.context.transcription.transcribe,
            form.file,
            language=form.language,
            temperature=form.temperature,
            on_text=on_text,
        )
        transcript = (await retry_once(transcribe)).transcript
        await self.context.budgets.spend(key_name, transcript.duration_s)
        return transcript

    async def _stream(self, form: TranscriptionForm, key_name: str) -> AsyncGenerator[bytes, None]:
        """Yield an event for each piece of new text, then one with the whole text."""
        growth = Growth()
        parts = follow(partial(self._transcribe, form, key_name))
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Done):
                    text = part.result.text
                    if rest := growth.finish(text):
                        yield build_event(TextDelta(type="transcript.text.delta", delta=rest))
                    yield build_event(TextDone(type="transcript.text.done", text=text))
                elif new := growth.take(part):
                    yield build_event(TextDelta(type="transcript.text.delta", delta=new))
