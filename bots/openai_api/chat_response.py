"""An answer as OpenAI's clients read it, whole or in chunks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.models import Answer, Usage


@dataclass(frozen=True, slots=True)
class Head:
    """What is the same in every chunk of an answer."""

    completion_id: str
    #: Unix time in seconds.
    created: int
    model: str


def build_completion(head: Head, answer: Answer) -> dict[str, Any]:
    """Return the whole answer."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answer)}
    usage = {"usage": build_usage(answer.usage)} if answer.usage else {}
    return {**_build_head(head, "chat.completion"), "choices": [choice], **usage}


def build_chunk(head: Head, delta: dict[str, Any], *, end: Answer | None = None) -> dict[str, Any]:
    """Return a piece of an answer. end: the answer, where this is the last piece of it."""
    finish = _finish(end) if end else None
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**_build_head(head, "chat.completion.chunk"), "choices": [choice]}


def build_usage_chunk(head: Head, answer: Answer) -> dict[str, Any]:
    """Return the chunk that tells what a streamed answer cost."""
    usage = build_usage(answer.usage) if answer.usage else None
    return {**_build_head(head, "chat.completion.chunk"), "choices": [], "usage": usage}


def build_usage(usage: Usage) -> dict[str, int]:
    """What an answer cost, as the service has counted it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _build_head(head: Head, kind: str) -> dict[str, Any]:
    return {
        "id": head.completion_id,
        "object": kind,
        "created": head.created,
        "model": head.model,
    }


def _finish(answer: Answer) -> str:
    return "length" if answer.is_cut else "stop"
