"""The response bodies of /v1/responses: a response, whole or as events. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, field_serializer

from core.models import Answer


class OutputText(BaseModel):
    """The text of an answer."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[Any] = []
    logprobs: list[Any] = []


class OutputMessage(BaseModel):
    """An answer."""

    id: str
    type: Literal["message"] = "message"
    status: Literal["in_progress", "completed", "incomplete"]
    role: Literal["assistant"] = "assistant"
    content: list[OutputText]


class ResponseUsage(BaseModel):
    """Tokens as the engine counted them."""

    input_tokens: int
    input_tokens_details: dict[Literal["cached_tokens", "audio_tokens"], int]
    output_tokens: int
    output_tokens_details: dict[Literal["reasoning_tokens"], int]
    total_tokens: int


class IncompleteDetails(BaseModel):
    """Why an answer is not whole."""

    reason: Literal["max_output_tokens"]


class ResponseBody(BaseModel):
    """A response. Fields that say what was asked for are fixed where nothing can be chosen."""

    id: str
    object: Literal["response"] = "response"
    #: Unix time in seconds.
    created_at: int
    status: Literal["in_progress", "completed", "incomplete"]
    model: str
    output: list[OutputMessage] = []
    usage: ResponseUsage | None = None
    error: None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    metadata: dict[str, Any] = {}
    parallel_tool_calls: bool = False
    previous_response_id: None = None
    store: Literal[False] = False
    text: dict[str, Any] = {"format": {"type": "text"}}
    tool_choice: Literal["none"] = "none"
    tools: list[Any] = []
    truncation: Literal["disabled"] = "disabled"


class ResponseEvent(BaseModel):
    """A piece of a streamed response; which fields it has depends on its type."""

    type: str
    sequence_number: int
    response: ResponseBody | None = None
    item: OutputMessage | None = None
    part: OutputText | None = None
    item_id: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    delta: str | None = None
    text: str | None = None
    logprobs: list[Any] | None = None

    @field_serializer("response", "item", "part")
    def _keep_whole(self, value: BaseModel | None) -> Any:
        """Only the event leaves out what is not set: clients read all fields of what it holds."""
        return value and value.model_dump()


@dataclass(slots=True)
class ResponseWriter:
    """Writes one response, whole or as events."""

    #: What was asked for: the response before there is an answer.
    begun: ResponseBody
    _number: int = field(default=0)

    def build_whole(self, answer: Answer) -> ResponseBody:
        """Return the response with its answer."""
        state: Any = "incomplete" if answer.is_cut else "completed"
        return self.begun.model_copy(
            update={
                "status": state,
                "output": [self._build_message(state, OutputText(text=answer.text))],
                "usage": _build_usage(answer),
                "incomplete_details": IncompleteDetails(reason="max_output_tokens")
                if answer.is_cut
                else None,
            }
        )

    def begin(self) -> Iterator[ResponseEvent]:
        """Yield the events before the text."""
        yield self._build_event("response.created", response=self.begun)
        yield self._build_event("response.in_progress", response=self.begun)
        message = self._build_message("in_progress")
        yield self._build_event("response.output_item.added", output_index=0, item=message)
        yield self._build_event("response.content_part.added", **self._at, part=OutputText(text=""))

    def write(self, delta: str) -> ResponseEvent:
        """Return the event of a piece of the text."""
        return self._build_event("response.output_text.delta", **self._at, delta=delta, logprobs=[])

    def end(self, answer: Answer) -> Iterator[ResponseEvent]:
        """Yield the events after the text."""
        whole = self.build_whole(answer)
        [message] = whole.output
        text = message.content[0]
        yield self._build_event(
            "response.output_text.done", **self._at, text=text.text, logprobs=[]
        )
        yield self._build_event("response.content_part.done", **self._at, part=text)
        yield self._build_event("response.output_item.done", output_index=0, item=message)
        yield self._build_event(f"response.{whole.status}", response=whole)

    @property
    def _item_id(self) -> str:
        return self.begun.id.replace("resp_", "msg_", 1)

    @property
    def _at(self) -> dict[str, Any]:
        return {"item_id": self._item_id, "output_index": 0, "content_index": 0}

    def _build_message(self, state: Any, *content: OutputText) -> OutputMessage:
        return OutputMessage(id=self._item_id, status=state, content=list(content))

    def _build_event(self, kind: str, **fields: Any) -> ResponseEvent:
        self._number += 1
        return ResponseEvent(type=kind, sequence_number=self._number - 1, **fields)


def _build_usage(answer: Answer) -> ResponseUsage | None:
    if (usage := answer.usage) is None:
        return None
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details={
            "cached_tokens": usage.cached_tokens,
            "audio_tokens": usage.audio_tokens,
        },
        output_tokens=usage.completion_tokens,
        output_tokens_details={"reasoning_tokens": usage.reasoning_tokens},
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )
