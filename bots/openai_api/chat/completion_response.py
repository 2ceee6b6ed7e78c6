"""The response bodies of /v1/chat/completions: a completion, whole or in chunks. Pure.

Only fields that were set are sent, so that what is null stands there and what is missing does not.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from core.models import Answer, add_usages

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
    #: Length of the audio, where the engine says it.
    seconds: int | None = None


class SpokenAudio(BaseModel):
    """Speech, whole or a piece of it, as MiMo sends it."""

    id: str
    #: In base64.
    data: str
    expires_at: None
    transcript: None


class CompletionMessage(BaseModel):
    """An answer, or in a chunk what is new of it."""

    role: Literal["assistant"] = "assistant"
    content: str = ""
    reasoning_content: str = ""
    refusal: None = None
    audio: SpokenAudio | None = None


class _Choice(BaseModel):
    index: int
    logprobs: None
    finish_reason: Literal["stop", "length"] | None


class CompletionChoice(_Choice):
    """One answer to a request."""

    message: CompletionMessage


class ChunkChoice(_Choice):
    """A piece of one answer to a request."""

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


def build_completion(head: Head, answers: Sequence[Answer]) -> ChatCompletion:
    """Return the whole answers to a question."""
    choices = [
        {**_build_choice(answer, index), "message": _build_message(answer)}
        for index, answer in enumerate(answers)
    ]
    usage = {"usage": found} if (found := _build_usage(answers)) else {}
    return ChatCompletion.model_validate(
        {**head, "object": "chat.completion", "choices": choices, **usage}
    )


def build_spoken(head: Head, audio: bytes) -> ChatCompletion:
    """Return a whole speech."""
    message = {"role": "assistant", "content": "", "audio": build_audio(head, audio)}
    choice = {"index": 0, "logprobs": None, "finish_reason": "stop", "message": message}
    return ChatCompletion.model_validate({**head, "object": "chat.completion", "choices": [choice]})


def build_audio(head: Head, audio: bytes) -> dict[str, Any]:
    """Return speech, whole or a piece of it."""
    data = b64encode(audio).decode()
    return {"id": f"audio_{head['id']}", "data": data, "expires_at": None, "transcript": None}


def build_chunk(
    head: Head, delta: dict[str, Any], *, end: Answer | None = None, index: int = 0
) -> ChatChunk:
    """Return a piece of an answer. end: the answer, where this is the last piece of it."""
    return _build_chunk(head, choices=[{**_build_choice(end, index), "delta": delta}])


def build_usage_chunk(head: Head, answers: Sequence[Answer]) -> ChatChunk:
    """Return the chunk that holds the usage of streamed answers."""
    return _build_chunk(head, choices=[], usage=_build_usage(answers))


def _build_chunk(head: Head, **fields: Any) -> ChatChunk:
    return ChatChunk.model_validate({**head, "object": "chat.completion.chunk", **fields})


def _build_message(answer: Answer) -> dict[str, Any]:
    reasoning = {"reasoning_content": answer.reasoning} if answer.reasoning else {}
    return {"role": "assistant", "content": answer.text, "refusal": None, **reasoning}


def _build_choice(answer: Answer | None, index: int) -> dict[str, Any]:
    finish_reason = None if answer is None else "length" if answer.is_cut else "stop"
    return {"index": index, "logprobs": None, "finish_reason": finish_reason}


def _build_usage(answers: Sequence[Answer]) -> dict[str, Any] | None:
    """Return the tokens of all answers together, None if the engine reports none."""
    if (usage := add_usages(answer.usage for answer in answers)) is None:
        return None
    return {
        **({"seconds": round(usage.audio_s)} if usage.audio_s else {}),
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {
            "audio_tokens": usage.audio_tokens,
            "cached_tokens": usage.cached_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
