"""The response bodies of /v1/audio/transcriptions and /v1/audio/translations. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, Field

from bots.openai_api.transcription_request import TranscriptionForm
from core.locale.languages import name_language
from core.models import Transcript
from core.text.moments import find_cues, find_words
from core.text.scripts import guess_language
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
