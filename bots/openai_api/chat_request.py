"""The request body of /v1/chat/completions. Pure."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    FailFast,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bots.openai_api.bodies import ApiModel, Lowercase, One, Zero

MAX_TOKENS = 131_072
#: As OpenAI allows.
MAX_TEMPERATURE = 2
MAX_RECORDINGS = 16
MAX_MESSAGES = 1000

#: What the recording is called; what it is, its bytes say.
_AudioFormat = Annotated[Literal["wav", "mp3", "flac", "m4a", "ogg"], Lowercase]
_Effort = Annotated[Literal["none", "minimal", "low", "medium", "high", "xhigh"], Lowercase]
#: Parameters that are accepted only if they are empty.
_Empty = Annotated[
    None,
    BeforeValidator(
        lambda value: None if value in ([], {}) else value,
        Annotated[list[Any], Field(max_length=0)] | None,
    ),
]


def _decode(data: Any) -> Any:
    """Return the bytes behind base64 or a data URL. Raises ValueError."""
    if not isinstance(data, str):
        raise ValueError("must be a string")
    if data[:8].lower().startswith(("http:", "https:")):
        raise ValueError("must be base64: addresses are not fetched")
    encoded = data.partition(",")[2] if data[:5].lower() == "data:" else data
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError("is not valid base64") from None


class InputAudio(ApiModel):
    """A recording."""

    data: Annotated[bytes, BeforeValidator(_decode, str)] = Field(
        min_length=1,
        description="A recording in base64, or as a data URL.",
        json_schema_extra={"format": "byte"},
    )
    format: _AudioFormat

    @model_validator(mode="before")
    @classmethod
    def _allow_data_url(cls, fields: Any) -> Any:
        """A data URL says itself what it holds."""
        if isinstance(fields, dict) and str(fields.get("data"))[:5].lower() == "data:":
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


class _Message(ApiModel):
    content: Any
    name: str = ""

    @property
    def text(self) -> str:
        """The text of all parts."""
        return "\n".join(part.text for part in self.content if isinstance(part, TextContent))

    @property
    def recordings(self) -> list[bytes]:
        """The recordings of all parts."""
        return [part.input_audio.data for part in self.content if isinstance(part, AudioPart)]


class SystemMessage(_Message):
    """Instructions."""

    role: Literal["system", "developer"]
    content: _Text


class UserMessage(_Message):
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


class AssistantMessage(_Message):
    """What the model answered. Clients send all fields of an answer back, empty ones too."""

    role: Literal["assistant"]
    content: _Text = Field([], validate_default=False)
    reasoning_content: str = Field("", description="The model's reasoning, as it was returned.")
    refusal: None = None
    annotations: _Empty = None
    tool_calls: _Empty = None
    function_call: None = None
    audio: None = None


_AnyMessage = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]


class Thinking(ApiModel):
    """MiMo's switch for reasoning."""

    type: Literal["enabled", "disabled"]


class StreamOptions(ApiModel):
    """What a stream contains besides the answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


class TextFormat(ApiModel):
    """The one format of answers."""

    type: Literal["text"]


class ChatRequest(ApiModel):
    """A dialogue to continue."""

    unsupported = frozenset(
        (
            *("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"),
            *("store", "tools", "functions", "prediction", "web_search_options", "verbosity"),
            *("n", "top_p", "seed", "stop"),
        )
    )

    model: str = Field(description="A model that answers; see /v1/models.")
    messages: Annotated[list[_AnyMessage], FailFast()] = Field(
        min_length=1, max_length=MAX_MESSAGES
    )
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(None, ge=0, le=MAX_TEMPERATURE)
    thinking: Thinking | None = None
    reasoning_effort: _Effort = "none"

    # These are accepted only where they change nothing.
    n: One = 1
    top_p: One = 1
    presence_penalty: Zero = 0
    frequency_penalty: Zero = 0
    logprobs: Literal[False] = False
    top_logprobs: Zero = 0
    logit_bias: _Empty = None
    seed: None = None
    stop: _Empty = None
    store: Literal[False] = False
    tools: _Empty = None
    tool_choice: Literal["none", "auto"] = "none"
    functions: _Empty = None
    function_call: Literal["none", "auto"] = "none"
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    audio: None = Field(None, description="For speech, use /v1/audio/speech.")
    response_format: TextFormat | None = None
    prediction: None = None
    web_search_options: None = None
    verbosity: Literal["medium"] = "medium"

    # These label a request and change no answer.
    user: Any = None
    metadata: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    service_tier: Any = None
    parallel_tool_calls: Any = None

    @field_validator("messages")
    @classmethod
    def _check_messages(cls, messages: list[_Message]) -> list[_Message]:
        is_instruction = [isinstance(message, SystemMessage) for message in messages]
        if is_instruction != sorted(is_instruction, reverse=True):
            raise ValueError("must have instructions before all other messages")
        if not isinstance(messages[-1], UserMessage):
            raise ValueError("must end with a message of role user")
        if sum(len(message.recordings) for message in messages) > MAX_RECORDINGS:
            raise ValueError(f"must have at most {MAX_RECORDINGS} recordings")
        return messages

    @field_validator("stream_options")
    @classmethod
    def _check_stream_options(cls, options: Any, info: ValidationInfo) -> Any:
        if not info.data.get("stream"):
            raise ValueError("is for streams only")
        return options

    @property
    def instructions(self) -> str:
        """The system messages at the beginning."""
        return "\n\n".join(m.text for m in self.messages if isinstance(m, SystemMessage))

    @property
    def dialogue(self) -> list[UserMessage | AssistantMessage]:
        """The messages after the instructions."""
        return [m for m in self.messages if not isinstance(m, SystemMessage)]

    @property
    def token_limit(self) -> int | None:
        """The longest answer in tokens, None = the model's limit."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def is_thinking(self) -> bool:
        """Whether the model is to reason before it answers."""
        if self.thinking:
            return self.thinking.type == "enabled"
        return self.reasoning_effort not in ("none", "minimal")

    @property
    def has_usage(self) -> bool:
        """Whether the stream ends with a chunk that holds the usage."""
        return self.stream_options is not None and self.stream_options.include_usage
