"""POST /v1/audio/transcriptions: a recording becomes a transcript."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, Field

from bots.openai_api.audio.transcription_request import TranscriptionForm, read_transcription_form
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.leniency import Leniency
from bots.openai_api.stream import EVENTS, Stream, begin, build_event, follow_text
from core.glossary.apply import apply_to
from core.glossary.prompt_terms import find_corrections, list_terms
from core.locale.languages import name_language
from core.models import Transcript
from core.requester import requester_of_key, work_for
from core.text.moments import find_cues, find_words
from core.text.scripts import guess_language
from core.transcription.options import TranscriptionOptions
from core.transcription.progress import Progress
from core.transcription.subtitles import build_srt, build_vtt

Task = Literal["transcribe", "translate"]
_TEXTS: dict[str, tuple[Callable[[Transcript], str], str]] = {
    "text": (lambda transcript: transcript.text, "text/plain"),
    "srt": (build_srt, "application/x-subrip; charset=utf-8"),
    "vtt": (build_vtt, "text/vtt"),
}


class DurationUsage(BaseModel):
    """The length of the recording, rounded up."""

    type: Literal["duration"]
    seconds: int


class PlainTranscription(BaseModel):
    """A transcript as json."""

    text: str
    usage: DurationUsage


class VerboseSegment(BaseModel):
    """A sentence or piece of a transcript. Clients insist on fields that nobody has measured."""

    id: int
    start: float = Field(description="Seconds from the start of the recording.")
    end: float
    text: str
    temperature: float
    seek: int = 0
    tokens: list[int] = []
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0


class WordTime(BaseModel):
    """A word and when it was said."""

    word: str
    start: float
    end: float


class VerboseTranscription(PlainTranscription):
    """A transcript as verbose_json, with times."""

    task: Task = "transcribe"
    language: str
    duration: float
    segments: list[VerboseSegment] | None = None
    words: list[WordTime] | None = None
    word_timestamps: Literal["estimated"] | None = Field(
        None, description="How the times of words were found."
    )


class TextDelta(BaseModel):
    """A streamed event: what is new in the transcript."""

    type: Literal["transcript.text.delta"]
    delta: str


class TextDone(BaseModel):
    """The last streamed event: the whole transcript."""

    type: Literal["transcript.text.done"]
    text: str


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
            build = partial(build_transcription, form, transcript)
            # Finding the times in an hour of speech takes a second.
            has_times = form.response_format not in ("json", "text")
            return await asyncio.to_thread(build) if has_times else build()
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
        terms = list_terms(form.prompt) if form.prompt else []

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
        with work_for(requester_of_key(key_name)):
            transcript = (await retry_once(transcribe)).transcript
        if not terms:
            return transcript
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


def build_transcription(
    form: TranscriptionForm, transcript: Transcript, task: Task = "transcribe"
) -> Response | PlainTranscription:
    """Return the transcript in the format of the form."""
    if form.response_format in _TEXTS:
        build, media_type = _TEXTS[form.response_format]
        return PlainTextResponse(build(transcript), media_type=media_type)
    usage = DurationUsage(type="duration", seconds=math.ceil(transcript.duration_s))
    if form.response_format == "json":
        return PlainTranscription(text=transcript.text, usage=usage)
    language = form.language or guess_language(transcript.text)
    return VerboseTranscription(
        task=task,
        text=transcript.text,
        usage=usage,
        language=name_language(language, "en").lower(),
        duration=round(transcript.duration_s, 3),
        **_build_times(form, transcript),
    )


def _build_times(form: TranscriptionForm, transcript: Transcript) -> dict[str, Any]:
    """Return the segments, the words, or both, as the form wants them."""
    times: dict[str, Any] = {}
    if "word" in form.timestamp_granularities:
        words = find_words(transcript)
        times["words"] = [
            WordTime(word=w.text, start=round(w.start_s, 3), end=round(w.end_s, 3)) for w in words
        ]
        times["word_timestamps"] = "estimated"
    if form.timestamp_granularities != ["word"]:
        times["segments"] = [
            VerboseSegment(
                id=number,
                start=round(segment.start_s, 3),
                end=round(segment.end_s, 3),
                text=segment.text,
                temperature=form.temperature or 0.0,
            )
            for number, segment in enumerate(find_cues(transcript))
        ]
    return times
