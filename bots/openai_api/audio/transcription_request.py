"""The form of /v1/audio/transcriptions and /v1/audio/translations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Request
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

from bots.common.uploads import Upload, read_form
from bots.openai_api.bodies import Lowercase
from bots.openai_api.errors import read_validation_error
from core.interfaces import Recording
from core.locale.languages import find_spoken_language

_MAX_FIELDS = 24
_Format = Literal["json", "text", "verbose_json", "srt", "vtt"]
#: Fields that are accepted only where they change nothing.
_UNSUPPORTED = frozenset(("include", "chunking_strategy"))
_LISTS = ("timestamp_granularities", "include")


def read_language(name: object) -> str | None:
    """Return the code of a language that is given by code or by name. Raises ValueError."""
    if not isinstance(name, str):
        raise ValueError("must be a string")
    if name.strip().lower() == "auto":
        return None
    if (language := find_spoken_language(name)) is None:
        raise ValueError("must be a language, such as en, zh-CN or German")
    return language


def _check_file(given: Recording | str) -> Recording:
    if isinstance(given, str):
        raise ValueError("must be a file")
    return given


class TranscriptionForm(BaseModel):
    """A recording, and the format in which its transcript is wanted. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    file: Annotated[
        Any,
        BeforeValidator(_check_file),
        WithJsonSchema({"type": "string", "format": "binary"}),
    ] = Field(
        description="A recording of up to two hours, in any common audio or video format. "
        "MAX_FILE_MB limits its size."
    )
    model: str = Field(description="A model that transcribes; see /v1/models.")
    language: Annotated[str | None, BeforeValidator(read_language, str)] = Field(
        None, description="The language spoken, such as en, zh-CN or German; detected if missing."
    )
    temperature: float | None = Field(None, ge=0, le=1)
    response_format: Annotated[_Format, Lowercase] = Field(
        "json",
        description="Times are those of sentences, or of pieces cut at pauses. verbose_json has "
        "0 for what is not measured.",
    )
    timestamp_granularities: list[Literal["segment", "word"]] = Field(
        [],
        description="For verbose_json only. The name may end in []. The times of words are "
        "estimated from those of sentences.",
    )
    stream: Annotated[bool, Lowercase] = Field(
        False,
        description="Send events while the text grows; ignored for all formats but json and text.",
    )
    prompt: str = Field(
        "",
        description="Names and terms that may be spoken: words that sound like them are corrected.",
    )
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


async def read_transcription_form(request: Request) -> TranscriptionForm:
    """Return the form that was sent. Blank fields mean the default. Raises ApiError."""
    fields: dict[str, Any] = {}
    async with read_form(request, max_fields=_MAX_FIELDS) as form:
        for name, value in form.multi_items():
            name = name.removesuffix("[]")
            if isinstance(value, Upload):
                fields[name] = await value.spool.finish() if name == "file" else value
            elif name in _LISTS:
                fields[name] = [*fields.get(name, ()), *filter(None, [str(value).strip()])]
            else:
                fields[name] = str(value).strip()
    given = {name: value for name, value in fields.items() if value}
    if request.state.leniency.is_on:
        known = TranscriptionForm.model_fields.keys() - _UNSUPPORTED
        unknown = {name for name in given.keys() - known if given[name] != "auto"}
        if unknown:
            request.state.leniency.ignore(unknown)
        given = {name: given[name] for name in given.keys() - unknown}
    try:
        return TranscriptionForm.model_validate(given)
    except ValidationError as error:
        raise read_validation_error(error) from None
