"""The request body of /v1/chat/completions. Pure."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, FailFast, Field, ValidationInfo, field_validator

from bots.openai_api.audio.transcription_request import read_language
from bots.openai_api.bodies import ApiModel, Lowercase, Zero
from bots.openai_api.chat.messages import (
    AnyMessage,
    AssistantMessage,
    DialogueMessage,
    Empty,
    SystemMessage,
    TextContent,
    UserMessage,
)
from bots.openai_api.leniency import Leniency
from core.models import Sampling

MAX_TOKENS = 131_072
#: As OpenAI allows.
MAX_TEMPERATURE = 2
MAX_RECORDINGS = 16
MAX_MESSAGES = 1000
MAX_ANSWERS = 8
_SCHEMA = "Answer with nothing but a JSON object that this JSON schema describes:"
#: Roles of what tools told a model.
_TOOLS = ("tool", "function")
#: The question where a dialogue ends with the model's own words.
CONTINUE = "Continue your last message where it ended."

#: How much a model reasons before it answers.
Effort = Annotated[Literal["none", "minimal", "low", "medium", "high", "xhigh"], Lowercase]
_StopWords = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(max_length=4),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
]


class Thinking(ApiModel):
    """MiMo's switch for reasoning."""

    type: Literal["enabled", "disabled"]


class StreamOptions(ApiModel):
    """What a stream contains besides the answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


class AnswerFormat(ApiModel):
    """The format of answers: plain text, or a JSON object."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None

    @field_validator("type")
    @classmethod
    def _check_type(cls, value: str, info: ValidationInfo) -> str:
        if value == "json_schema":
            if not isinstance(info.context, Leniency):
                raise ValueError("must be 'text' or 'json_object'")
            info.context.note("json_schema is told to the model, but not enforced")
        return value

    @property
    def instructions(self) -> list[str]:
        """What the model is told of the format."""
        schema = (self.json_schema or {}).get("schema")
        is_told = self.type == "json_schema" and schema
        return [f"{_SCHEMA}\n{json.dumps(schema, ensure_ascii=False)}"] if is_told else []


class SpokenFormat(ApiModel):
    """MiMo's parameters of speech."""

    format: Annotated[
        Literal["wav", "mp3", "pcm", "pcm16", "opus", "flac", "aac"] | None, Lowercase
    ] = None
    voice: str = Field("", description="As in /v1/audio/speech.")


class AsrOptions(ApiModel):
    """MiMo's parameters of transcription."""

    language: Annotated[str | None, BeforeValidator(read_language, str)] = None


class LabeledRequest(ApiModel):
    """A request with labels, which change no answer."""

    user: Any = None
    metadata: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    service_tier: Any = None
    parallel_tool_calls: Any = None


class ChatRequest(LabeledRequest):
    """A dialogue to continue."""

    unsupported = frozenset(
        (
            *("logprobs", "top_logprobs", "logit_bias", "store", "tools", "tool_choice"),
            *("functions", "function_call", "prediction", "web_search_options", "verbosity"),
        )
    )
    # An answer may be wanted that ends with its line.
    spaced = frozenset(("stop",))

    model: str = Field(description="A model that answers; see /v1/models.")
    audio: SpokenFormat | None = Field(
        None, description="The last message, of role assistant, is read aloud, as by MiMo."
    )
    asr_options: AsrOptions | None = None
    messages: Annotated[list[AnyMessage], FailFast()] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(None, ge=0, le=MAX_TEMPERATURE)
    thinking: Thinking | None = None
    reasoning_effort: Effort = "none"
    n: int = Field(1, ge=1, le=MAX_ANSWERS, description="Number of answers.")
    # Where the model supports them.
    top_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: _StopWords | None = None
    response_format: AnswerFormat | None = None

    # These are accepted only where they change nothing.
    logprobs: Literal[False] = False
    top_logprobs: Zero = 0
    logit_bias: Empty = None
    store: Literal[False] = False
    tools: Empty = None
    tool_choice: Literal["none", "auto"] = "none"
    functions: Empty = None
    function_call: Literal["none", "auto"] = "none"
    modalities: Annotated[list[Literal["text", "audio"]], Field(max_length=2)] | None = None
    prediction: None = None
    web_search_options: None = None
    verbosity: Literal["medium"] = "medium"

    @field_validator("messages", mode="before")
    @classmethod
    def _drop_tools(cls, messages: Any, info: ValidationInfo) -> Any:
        """Drop what tools told another model, which the same chat was with before.

        A result that waits for an answer is refused: without it there is nothing to say.
        """
        if not (isinstance(info.context, Leniency) and isinstance(messages, list)):
            return messages
        told = [isinstance(m, dict) and m.get("role") in _TOOLS for m in messages]
        if not any(told) or told[-1]:
            return messages
        info.context.ignore(["messages of tools"])
        return [m for m, is_told in zip(messages, told, strict=True) if not is_told]

    @field_validator("messages")
    @classmethod
    def _check_messages(
        cls, messages: list[DialogueMessage], info: ValidationInfo
    ) -> list[DialogueMessage]:
        is_spoken = isinstance(messages[-1], AssistantMessage) and messages[-1].text.strip()
        if info.data.get("audio") and not is_spoken:
            raise ValueError("must end with the text to be spoken, of role assistant")
        if not any(message.text.strip() or message.recordings for message in messages):
            raise ValueError("must contain text or a recording")
        if sum(len(message.recordings) for message in messages) > MAX_RECORDINGS:
            raise ValueError(f"must have at most {MAX_RECORDINGS} recordings")
        return messages

    @field_validator("modalities")
    @classmethod
    def _check_modalities(cls, modalities: list[str], info: ValidationInfo) -> list[str]:
        if "audio" in modalities and not info.data.get("audio"):
            raise ValueError("may hold 'audio' only with audio: answers are texts")
        return modalities

    @field_validator("stream_options")
    @classmethod
    def _check_stream_options(cls, options: Any, info: ValidationInfo) -> Any:
        if not info.data.get("stream"):
            raise ValueError("is for streams only")
        return options

    @property
    def instructions(self) -> str:
        """The system messages, wherever they stand, without one that asks."""
        texts = [m.text for m in self.messages if isinstance(m, SystemMessage)]
        formatted = self.response_format.instructions if self.response_format else []
        said = (texts[:-1] if self._request else texts) + formatted
        return "\n\n".join(filter(str.strip, said))

    @property
    def dialogue(self) -> list[UserMessage | AssistantMessage]:
        """All other messages. The last one is of role user: engines answer no other."""
        said = [m for m in self.messages if not isinstance(m, SystemMessage)]
        if said and isinstance(said[-1], UserMessage):
            return said
        asked = TextContent(type="text", text=self._request or CONTINUE)
        return [*said, UserMessage(role="user", content=[asked])]

    @property
    def _request(self) -> str:
        """The last system message, if it asks: it does where nobody asked after the last answer.

        Role play ends that way: "Write the next reply".
        """
        roles = [m.role for m in self.messages if not isinstance(m, SystemMessage)]
        last = self.messages[-1]
        asks = isinstance(last, SystemMessage) and roles[-1:] != ["user"]
        return last.text if asks and last.text.strip() else ""

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
    def sampling(self) -> Sampling:
        """How the model is to pick its words. What changes nothing is left out."""
        return Sampling(
            top_p=self.top_p if self.top_p != 1 else None,
            presence_penalty=self.presence_penalty or None,
            frequency_penalty=self.frequency_penalty or None,
            seed=self.seed,
            stop=tuple(self.stop or ()),
            is_json=bool(self.response_format and self.response_format.type != "text"),
        )

    @property
    def has_usage(self) -> bool:
        """Whether the stream ends with a chunk that holds the usage."""
        return self.stream_options is not None and self.stream_options.include_usage
