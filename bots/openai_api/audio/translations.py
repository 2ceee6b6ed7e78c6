"""POST /v1/audio/translations: a recording in any language becomes an English text."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from bots.openai_api.audio.transcription_request import read_transcription_form
from bots.openai_api.audio.transcriptions import (
    PlainTranscription,
    TranscriptionRoute,
    build_transcription,
)
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.errors import refuse
from core.answering import translation_prompt as prompts
from core.commands.translate import cut
from core.models import Segment, Transcript
from core.text.moments import find_moments

_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class TranslationRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> Response | PlainTranscription:
        """Translate a recording into English."""
        form = await read_transcription_form(request)
        leniency = request.state.leniency
        self.context.pick_model(form.model, "transcriber", leniency)
        if not self.context.answering.answerer.limits.can_translate:
            raise refuse("translations need a chat model, and none is configured")
        form = TranscriptionRoute(self.context).drop_unsupported(form, leniency)
        transcript = await TranscriptionRoute(self.context).transcribe(form, request.state.key_name)
        sentences = await asyncio.to_thread(find_moments, transcript)
        texts = [" ".join(sentence.text.split()) for sentence in sentences]
        translated = await self._translate("\n".join(texts))
        told = _set_texts(transcript, sentences, translated)
        form = form.model_copy(update={"language": _LANGUAGE})
        return await asyncio.to_thread(build_transcription, form, told, "translate")

    async def _translate(self, text: str) -> str:
        """Return the text in English, as it is if it was so already."""
        parts = []
        for part in cut(text):
            question = prompts.build_question(part, "English", self.context.clock.now().date())
            answer = await retry_once(partial(self.context.answering.answer, question))
            parts.append(part if prompts.is_same(answer.text) else answer.text.strip())
        return "\n".join(parts)


def _set_texts(transcript: Transcript, sentences: Sequence[Segment], translated: str) -> Transcript:
    """Return the transcript with its translation, sentence by sentence if it kept the lines."""
    lines = [line for line in translated.splitlines() if line.strip()]
    segments: tuple[Segment, ...] = (Segment(0.0, transcript.duration_s, " ".join(lines)),)
    if len(lines) == len(sentences):
        pairs = zip(sentences, lines, strict=True)
        segments = tuple(replace(sentence, text=line.strip()) for sentence, line in pairs)
    return replace(transcript, text=" ".join(line.strip() for line in lines), segments=segments)
