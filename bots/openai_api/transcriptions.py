"""POST /v1/audio/transcriptions: a recording becomes its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from bots.common.uploads import read_form
from bots.openai_api.errors import refuse
from bots.openai_api.models import pick_model
from bots.openai_api.retry import try_again
from bots.openai_api.services import Services, read_key_name, read_request_id
from bots.openai_api.stream import EVENTS, Done, Growth, Stream, begin, build_event, follow
from bots.openai_api.transcription_request import TranscriptionRequest, read_transcription
from bots.openai_api.transcription_response import build_transcription
from core.models import Transcript

#: A body that takes longer than this is not coming.
UPLOAD_S = 600
_MAX_FIELDS = 24


@dataclass(frozen=True, slots=True)
class Transcriptions:
    """The route."""

    services: Services

    async def create(self, request: Request) -> Response:
        """Write down a recording."""
        name = read_key_name(request)
        await self.services.budget.check_sound(name)
        async with asyncio.timeout(UPLOAD_S):
            fields = await read_form(request, max_fields=_MAX_FIELDS)
        try:
            form = await read_transcription(fields)
        finally:
            await fields.close()
        pick_model(self.services, form.model, "listen")
        if form.temperature and not self.services.transcription.transcriber.limits.can_vary:
            raise refuse("this model takes no temperature but 0", "temperature")
        if not form.is_streamed:
            return build_transcription(form, await self._hear(form, name))
        events = await begin(self._tell(form, name))
        return Stream(events, EVENTS, read_request_id(request))

    async def _hear(
        self, form: TranscriptionRequest, name: str, on_text: Callable[[str], None] | None = None
    ) -> Transcript:
        hear = partial(
            self.services.transcription.transcribe,
            form.data,
            language=form.language,
            temperature=form.temperature,
            on_text=on_text,
        )
        heard = await try_again(hear)
        await self.services.budget.spend(name, heard.transcript.duration_s)
        return heard.transcript

    async def _tell(self, form: TranscriptionRequest, name: str) -> AsyncGenerator[bytes, None]:
        """Yield the events by which the text grows, then the whole of it."""
        growth = Growth()
        parts = follow(partial(self._hear, form, name))
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Done):
                    text = part.result.text
                    if rest := growth.finish(text):
                        yield build_event({"type": "transcript.text.delta", "delta": rest})
                    yield build_event({"type": "transcript.text.done", "text": text})
                elif new := growth.take(part):
                    yield build_event({"type": "transcript.text.delta", "delta": new})
