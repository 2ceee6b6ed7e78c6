"""The messages in a request to /v1/chat/completions: texts and recordings. Pure."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, FailFast, Field, field_validator, model_validator

from bots.openai_api.bodies import ApiModel, Lowercase

#: What the recording is called; what it is, its bytes say.
_AudioFormat = Annotated[Literal["wav", "mp3", "flac", "m4a", "ogg"], Lowercase]
#: Parameters that are accepted only if they are empty.
Empty = Annotated[
    None,
    BeforeValidator(
        lambda value: None if value in ([], {}) else value,
        Annotated[list[Any], Field(max_length=0)] | None,
    ),
]


def _decode(data: Any) -> Any:
    """Return the bytes behind base64 or a data URL, or a web address. Raises ValueError."""
    if not isinstance(data, str):
        raise ValueError("must be a string")
    if data[:8].lower().startswith(("http://", "https://")):
        return data
    encoded = data.partition(",")[2] if data[:5].lower() == "data:" else data
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError("is not valid base64") from None


class InputAudio(ApiModel):
    """A recording."""

    data: Annotated[bytes | str, BeforeValidator(_decode, str)] = Field(
        min_length=1,
        description="A recording in base64 or as a data URL; its address where ALLOW_URLS is on.",
        json_schema_extra={"format": "byte"},
    )
    format: _AudioFormat

    @model_validator(mode="before")
    @classmethod
    def _allow_data_url(cls, fields: Any) -> Any:
        """Data URLs and files on the web say themselves what they hold."""
        start = str(fields.get("data"))[:5].lower() if isinstance(fields, dict) else ""
        if start in ("data:", "http:", "https"):
            return {"format": "wav", **fields}
        return fields


class TextContent(ApiModel):
    """A part of a message that is text."""

    type: Literal["text"]
    text: str = ""


class AudioPart(ApiModel):
    """A part of a message that is a recording."""

    type: Literal["input_audio"]
    input_audio: InputAudio


def _wrap(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


_OneOrMore = Field(min_length=1)
_String = Annotated[str, Field(pattern=r"\S")]
_Text = Annotated[
    list[TextContent],
    FailFast(),
    _OneOrMore,
    BeforeValidator(_wrap, _String | Annotated[list[TextContent], _OneOrMore]),
]
_TextAndAudio = Annotated[
    list[Annotated[TextContent | AudioPart, Field(discriminator="type")]],
    FailFast(),
    _OneOrMore,
    BeforeValidator(_wrap, _String | Annotated[list[TextContent | AudioPart], _OneOrMore]),
]


class DialogueMessage(ApiModel):
    """A message of any role."""

    content: Any
    name: str = ""

    @property
    def text(self) -> str:
        """The text of all parts."""
        return "\n".join(part.text for part in self.content if isinstance(part, TextContent))

    @property
    def recordings(self) -> list[bytes | str]:
        """The recordings of all parts, or their addresses."""
        return [part.input_audio.data for part in self.content if isinstance(part, AudioPart)]


class SystemMessage(DialogueMessage):
    """Instructions. Clients send empty ones where nothing is set."""

    role: Literal["system", "developer"]
    content: _Text = Field([], validate_default=False)


class UserMessage(DialogueMessage):
    """What the person said."""

    role: Literal["user"]
    content: _TextAndAudio
    reasoning_content: ClassVar[str] = ""

    @field_validator("content")
    @classmethod
    def _check_empty(cls, content: list[TextContent | AudioPart]) -> list[TextContent | AudioPart]:
        if not any(isinstance(part, AudioPart) or part.text.strip() for part in content):
            raise ValueError("must contain text or a recording")
        return content


class AssistantMessage(DialogueMessage):
    """What the model answered. Clients send all fields of an answer back, empty ones too."""

    unsupported = frozenset(("tool_calls", "function_call"))

    role: Literal["assistant"]
    content: _Text = Field([], validate_default=False)
    reasoning_content: str = Field("", description="The model's reasoning, as it was returned.")
    refusal: None = None
    annotations: Empty = None
    tool_calls: Empty = None
    function_call: None = None
    audio: None = None


AnyMessage = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]
