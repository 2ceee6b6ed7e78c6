"""The response bodies of /v1/chat/completions: a completion, whole or in chunks. Pure.

Only fields that were set are sent, so that what is null stands there and what is missing does not.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from core.models import Answer

#: What all chunks of a completion have in common: id, created, model.
Head = dict[str, Any]


class PromptTokensDetails(BaseModel):
    """Parts of the prompt's tokens."""

    audio_tokens: int
    cached_tokens: int


class CompletionTokensDetails(BaseModel):
    """Parts of the completion's tokens."""

    reasoning_tokens: int


class CompletionUsage(BaseModel):
    """Tokens as the engine counted them."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class CompletionMessage(BaseModel):
    """An answer, or in a chunk what is new of it."""

    role: Literal["assistant"] = "assistant"
    content: str = ""
    reasoning_content: str = ""
    refusal: None = None


class _Choice(BaseModel):
    index: Literal[0]
    logprobs: None
    finish_reason: Literal["stop", "length"] | None


class CompletionChoice(_Choice):
    """The one answer to a request."""

    message: CompletionMessage


class ChunkChoice(_Choice):
    """A piece of the one answer to a request."""

    delta: CompletionMessage


class _Head(BaseModel):
    id: str
    #: Unix time in seconds.
    created: int
    model: str
    usage: CompletionUsage | None = None


class ChatCompletion(_Head):
    """A whole answer."""

    object: Literal["chat.completion"]
    choices: list[CompletionChoice]


class ChatChunk(_Head):
    """A piece of a streamed answer."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChunkChoice]


def build_completion(head: Head, answer: Answer) -> ChatCompletion:
    """Return the whole answer."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    usage = {"usage": _build_usage(answer)} if answer.usage else {}
    choice = {**_build_choice(answer), "message": message}
    return ChatCompletion.model_validate(
        {**head, "object": "chat.completion", "choices": [choice], **usage}
    )


def build_chunk(head: Head, delta: dict[str, Any], *, end: Answer | None = None) -> ChatChunk:
    """Return a piece of an answer. end: the answer, where this is the last piece of it."""
    return _build_chunk(head, choices=[{**_build_choice(end), "delta": delta}])


def build_usage_chunk(head: Head, answer: Answer) -> ChatChunk:
    """Return the chunk that holds the usage of a streamed answer."""
    return _build_chunk(head, choices=[], usage=_build_usage(answer))


def _build_chunk(head: Head, **fields: Any) -> ChatChunk:
    return ChatChunk.model_validate({**head, "object": "chat.completion.chunk", **fields})


def _build_choice(answer: Answer | None) -> dict[str, Any]:
    finish_reason = None if answer is None else "length" if answer.is_cut else "stop"
    return {"index": 0, "logprobs": None, "finish_reason": finish_reason}


def _build_usage(answer: Answer) -> dict[str, Any] | None:
    usage = answer.usage
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {
            "audio_tokens": usage.audio_tokens,
            "cached_tokens": usage.cached_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
