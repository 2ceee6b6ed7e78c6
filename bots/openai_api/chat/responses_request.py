"""The request body of /v1/responses, and the chat request that it stands for. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    FailFast,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bots.openai_api.bodies import ApiModel
from bots.openai_api.chat.completion_request import (
    MAX_MESSAGES,
    MAX_TEMPERATURE,
    MAX_TOKENS,
    ChatRequest,
    Effort,
    LabeledRequest,
)
from bots.openai_api.chat.messages import AudioPart
from bots.openai_api.errors import ApiError, read_validation_error
from bots.openai_api.leniency import Leniency


class SaidText(ApiModel):
    """A part of an item that is text. Clients send the answers back as they got them."""

    type: Literal["input_text", "output_text"]
    text: str = ""
    annotations: Any = None
    logprobs: Any = None


def _wrap(content: Any) -> Any:
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


class MessageItem(ApiModel):
    """A message of any role."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        list[Annotated[SaidText | AudioPart, Field(discriminator="type")]],
        FailFast(),
        BeforeValidator(_wrap, str | list[SaidText | AudioPart]),
    ] = Field([], validate_default=False)
    id: Any = None
    status: Any = None
    phase: Any = None

    @field_validator("content")
    @classmethod
    def _check_content(cls, content: list[Any], info: ValidationInfo) -> list[Any]:
        has_audio = any(isinstance(part, AudioPart) for part in content)
        is_user = info.data.get("role") == "user"
        if has_audio and not is_user:
            raise ValueError("may hold recordings for the role user only")
        if is_user and not has_audio and not any(part.text.strip() for part in content):
            raise ValueError("must contain text or a recording")
        return content

    @property
    def message(self) -> dict[str, Any]:
        """The same as a message of a chat, without parts that hold nothing."""
        parts = [
            {"type": "text", "text": part.text} if isinstance(part, SaidText) else part
            for part in self.content
            if isinstance(part, AudioPart) or part.text.strip()
        ]
        return {"role": self.role, "content": parts}


class OtherItem(BaseModel):
    """What is no message: reasoning, which is passed over, or calls of tools."""

    type: str

    @field_validator("type")
    @classmethod
    def _check_type(cls, value: str, info: ValidationInfo) -> str:
        if value != "reasoning":
            if not isinstance(info.context, Leniency):
                raise ValueError("must be 'message': tools are not supported")
            info.context.ignore([value])
        return value


def _find_kind(item: Any) -> str:
    kind = item.get("type") if isinstance(item, dict) else "message"
    return "message" if kind in (None, "message") else "other"


_Item = Annotated[
    Annotated[MessageItem, Tag("message")] | Annotated[OtherItem, Tag("other")],
    Discriminator(_find_kind),
]


class Reasoning(ApiModel):
    """How much the model reasons before it answers."""

    unsupported = frozenset(("summary", "generate_summary"))

    effort: Effort = "none"
    summary: Literal["auto"] = "auto"
    generate_summary: Literal["auto"] = "auto"


class TextFormat(ApiModel):
    """The format of answers."""

    type: Literal["text", "json_object", "json_schema"]
    name: Any = None
    description: Any = None
    strict: Any = None
    json_schema: dict[str, Any] | None = Field(None, alias="schema")


class TextOptions(ApiModel):
    """The format and the length of answers."""

    unsupported = frozenset(("verbosity",))

    format: TextFormat | None = None
    verbosity: Literal["medium"] = "medium"


class ResponsesRequest(LabeledRequest):
    """A dialogue to continue."""

    unsupported = frozenset(
        ("tools", "tool_choice", "max_tool_calls", "top_logprobs", "truncation", "include")
    )

    model: str = Field(description="A model that answers; see /v1/models.")
    input: Annotated[
        list[_Item],
        FailFast(),
        Field(min_length=1, max_length=MAX_MESSAGES),
        BeforeValidator(
            lambda value: [{"role": "user", "content": value}] if isinstance(value, str) else value,
            str | list[_Item],
        ),
    ]
    instructions: str = ""
    stream: bool = False
    max_output_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    temperature: float | None = Field(None, ge=0, le=MAX_TEMPERATURE)
    top_p: float | None = Field(None, ge=0, le=1)
    reasoning: Reasoning | None = None
    text: TextOptions | None = None

    # Nothing is kept here that they could name: to ignore them would lose the dialogue.
    previous_response_id: None = None
    conversation: None = None
    prompt: None = None
    background: Literal[False] = False

    # These are accepted only where they change nothing.
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] = "auto"
    max_tool_calls: None = None
    top_logprobs: Literal[0] = 0
    truncation: Literal["auto", "disabled"] = "disabled"
    include: Annotated[list[Any], Field(max_length=0)] | None = None

    # Nothing is ever stored as a response, and a stream always has its usage.
    store: Any = None
    stream_options: Any = None

    def build_chat(self, leniency: Leniency) -> ChatRequest:
        """Return the same as a chat request. Raises ApiError."""
        messages = [item.message for item in self.input if isinstance(item, MessageItem)]
        instructions = {"role": "system", "content": self.instructions}
        fields: dict[str, Any] = {
            "model": self.model,
            "messages": [message for message in (instructions, *messages) if message["content"]],
            "stream": self.stream,
            "max_completion_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "reasoning_effort": self.reasoning.effort if self.reasoning else None,
            "response_format": self._build_format(),
        }
        try:
            context = leniency if leniency.is_on else None
            return ChatRequest.model_validate(fields, context=context)
        except ValidationError as error:
            raise _rename(read_validation_error(error)) from None

    def _build_format(self) -> dict[str, Any] | None:
        given = self.text.format if self.text else None
        if given is None or given.type != "json_schema":
            return {"type": given.type} if given else None
        return {"type": given.type, "json_schema": {"schema": given.json_schema}}


def _rename(error: ApiError) -> ApiError:
    """Return `error` about the field that the client sent."""
    error.detail = error.detail.replace("messages", "input", 1)
    error.param = error.param.replace("messages", "input", 1)
    return error
