"""POST /v1/audio/transcriptions: a recording becomes a transcript."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from starlette.datastructures import UploadFile

from bots.common.uploads import read_form
from bots.openai_api.bodies import Lowercase
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.errors import read_validation_error
from bots.openai_api.stream import EVENTS, Stream, begin, build_event, follow_text
from core import metrics
from core.locale.languages import find_language, name_language
from core.models import Transcript
from core.text.moments import find_cues
from core.text.scripts import guess_language
from core.transcription.progress import Progress
from core.transcription.subtitles import build_srt, build_vtt

_MAX_FIELDS = 24
_Format = Literal["json", "text", "verbose_json", "srt", "vtt"]
#: Fields that are accepted only where they change nothing.
_UNSUPPORTED = frozenset(("include", "chunking_strategy"))
_LISTS = ("timestamp_granularities", "include")
_TEXTS: dict[str, tuple[Callable[[Transcript], str], str]] = {
    "text": (lambda transcript: transcript.text, "text/plain"),
    "srt": (build_srt, "application/x-subrip; charset=utf-8"),
    "vtt": (build_vtt, "text/vtt"),
}


def _read_language(name: str) -> str | None:
    """Return the code of a language that is given by code or by name. Raises ValueError."""
    if name.strip().lower() == "auto":
        return None
    if (language := find_language(name)) is None:
        raise ValueError("must be a language, such as en, zh-CN or German")
    return language


class TranscriptionForm(BaseModel):
    """A recording, and the format in which its transcript is wanted. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    file: Annotated[
        bytes, Field(strict=True), WithJsonSchema({"type": "string", "format": "binary"})
    ] = Field(
        description="A recording of up to 50 MB and two hours, in any common audio or video format."
    )
    model: str = Field(description="A model that transcribes; see /v1/models.")
    language: Annotated[str | None, BeforeValidator(_read_language, str)] = Field(
        None, description="The language spoken, such as en, zh-CN or German; detected if missing."
    )
    temperature: float | None = Field(None, ge=0, le=1)
    response_format: Annotated[_Format, Lowercase] = Field(
        "json",
        description="Times are those of sentences, or of pieces cut at pauses. verbose_json has "
        "0 for what is not measured.",
    )
    timestamp_granularities: list[Literal["segment"]] = Field(
        [], description="For verbose_json only. The name may end in []."
    )
    stream: Annotated[bool, Lowercase] = Field(
        False,
        description="Send events while the text grows; ignored for all formats but json and text.",
    )
    prompt: None = None
    include: None = None
    chunking_strategy: Annotated[Literal["auto"], Lowercase] = Field(
        "auto", description="Recordings are cut at pauses."
    )

    @field_validator("timestamp_granularities")
    @classmethod
    def _check_granularities(cls, values: list[str], info: ValidationInfo) -> list[str]:
        if values and info.data.get("response_format") != "verbose_json":
            raise ValueError("needs response_format verbose_json")
        return values

    @property
    def is_streamed(self) -> bool:
        """Whether events are sent. OpenAI ignores `stream` where times are wanted."""
        return self.stream and self.response_format in ("json", "text")


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


class VerboseTranscription(PlainTranscription):
    """A transcript as verbose_json, with times."""

    task: Literal["transcribe"] = "transcribe"
    language: str
    duration: float
    segments: list[VerboseSegment]


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
        form, key_name = await _read_form(request), request.state.key_name
        leniency = request.state.leniency
        self.context.pick_model(form.model, "transcriber", leniency)
        if form.temperature and not self.context.transcription.transcriber.limits.can_vary:
            leniency.drop("temperature must be 0: this model is deterministic", "temperature")
            form = form.model_copy(update={"temperature": None})
        if not form.is_streamed:
            transcript = await self._transcribe(form, key_name)
            # Finding the times in an hour of speech takes a second.
            return await asyncio.to_thread(build_transcription, form, transcript)
        events = await begin(self._stream(form, key_name))
        return Stream(events, EVENTS, request.state.request_id)

    async def _transcribe(
        self, form: TranscriptionForm, key_name: str, on_text: Callable[[str], None] | None = None
    ) -> Transcript:
        def show(progress: Progress) -> None:
            if on_text:
                on_text(progress.text)

        transcribe = partial(
            self.context.transcription.transcribe,
            form.file,
            language=form.language,
            temperature=form.temperature,
            on_progress=show if on_text else None,
        )
        with metrics.measure() as meter:
            transcript = (await retry_once(transcribe)).transcript
        await self.context.keys.spend(key_name, meter.audio_s)
        return transcript

    async def _stream(self, form: TranscriptionForm, key_name: str) -> AsyncGenerator[bytes, None]:
        """Yield an event for each piece of new text, then one with the whole text."""
        async with aclosing(follow_text(partial(self._transcribe, form, key_name))) as parts:
            async for new, transcript in parts:
                if new:
                    yield build_event(TextDelta(type="transcript.text.delta", delta=new))
                if transcript:
                    yield build_event(TextDone(type="transcript.text.done", text=transcript.text))


async def _read_form(request: Request) -> TranscriptionForm:
    """Return the form that was sent. Blank fields mean the default. Raises ApiError."""
    fields: dict[str, Any] = {}
    async with read_form(request, max_fields=_MAX_FIELDS) as form:
        for name, value in form.multi_items():
            name = name.removesuffix("[]")
            if isinstance(value, UploadFile):
                fields[name] = await value.read() if name == "file" else value
            elif name in _LISTS:
                fields[name] = [*fields.get(name, ()), *filter(None, [value.strip()])]
            else:
                fields[name] = value.strip()
    given = {name: value for name, value in fields.items() if value}
    if request.state.leniency.is_on:
        known = TranscriptionForm.model_fields.keys() - _UNSUPPORTED
        unknown = {name for name in given.keys() - known if given[name] != "auto"}
        request.state.leniency.ignore(unknown)
        given = {name: given[name] for name in given.keys() - unknown}
    try:
        return TranscriptionForm.model_validate(given)
    except ValidationError as error:
        raise read_validation_error(error) from None


def build_transcription(
    form: TranscriptionForm, transcript: Transcript
) -> Response | PlainTranscription:
    """Return the transcript in the format of the form."""
    if form.response_format in _TEXTS:
        build, media_type = _TEXTS[form.response_format]
        return PlainTextResponse(build(transcript), media_type=media_type)
    usage = DurationUsage(type="duration", seconds=math.ceil(transcript.duration_s))
    if form.response_format == "json":
        return PlainTranscription(text=transcript.text, usage=usage)
    segments = [
        VerboseSegment(
            id=number,
            start=round(segment.start_s, 3),
            end=round(segment.end_s, 3),
            text=segment.text,
            temperature=form.temperature or 0.0,
        )
        for number, segment in enumerate(find_cues(transcript))
    ]
    return VerboseTranscription(
        text=transcript.text,
        usage=usage,
        language=name_language(form.language or guess_language(transcript.text), "en").lower(),
        duration=round(transcript.duration_s, 3),
        segments=segments,
    )
