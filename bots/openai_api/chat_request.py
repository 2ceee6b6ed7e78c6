"""What a program asks a model: the body of a chat completion, read and checked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bots.openai_api.chat_messages import ChatMessage, read_messages
from bots.openai_api.errors import refuse
from bots.openai_api.fields import (
    read_choice,
    read_flag,
    read_number,
    read_text,
    refuse_unknown,
)

MAX_TOKENS = 131_072
#: The range of OpenAI; MiMo goes to 1.5.
MAX_TEMPERATURE = 1.5
#: Fields that change something only with other values than these, which nobody here can do.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "top_p": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "seed": (),
    "stop": ([],),
    "store": (False,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "audio": (),
    "response_format": ({"type": "text"},),
    "prediction": (),
    "web_search_options": (),
    "verbosity": ("medium",),
}
#: What tells a request from others, and changes no answer.
LABELS = (
    *("user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
    *("service_tier", "parallel_tool_calls"),
)
READ = (
    *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "stream"),
    *("stream_options", "thinking", "reasoning_effort"),
)
_EFFORTS = ("", "none", "minimal", "low", "medium", "high", "xhigh")
_NO_THOUGHT = ("", "none", "minimal")
_HINTS = {"audio": ": /v1/audio/speech speaks", "modalities": ": /v1/audio/speech speaks"}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A dialogue that is to be continued."""

    model: str
    instructions: str
    said: tuple[ChatMessage, ...]
    #: Longest answer in tokens, None = as long as it gets here.
    max_tokens: int | None
    temperature: float | None
    is_thinking: bool
    is_streamed: bool
    #: True where a stream is to end with what it cost.
    has_usage: bool


def read_chat(body: dict[str, Any]) -> ChatRequest:
    """Return what is asked. Raises ApiError."""
    refuse_unknown(body, (*READ, *NEUTRAL, *LABELS))
    _refuse_impossible(body)
    instructions, said = read_messages(body.get("messages"))
    is_streamed = read_flag(body, "stream")
    return ChatRequest(
        model=read_text(body, "model"),
        instructions=instructions,
        said=said,
        max_tokens=_read_max_tokens(body),
        temperature=read_number(body, "temperature", 0, MAX_TEMPERATURE),
        is_thinking=_read_thinking(body),
        is_streamed=is_streamed,
        has_usage=_read_usage(body, is_streamed=is_streamed),
    )


def _refuse_impossible(body: dict[str, Any]) -> None:
    for name, values in NEUTRAL.items():
        value = body.get(name)
        if value is not None and (isinstance(value, bool), value) not in [
            (isinstance(neutral, bool), neutral) for neutral in values
        ]:
            raise refuse(f"{name} is not supported{_HINTS.get(name, '')}", name)


def _read_max_tokens(body: dict[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        tokens = read_number(body, name, 1, MAX_TOKENS)
        if tokens is not None:
            if tokens != int(tokens):
                raise refuse(f"{name} must be a whole number", name)
            return int(tokens)
    return None


def _read_thinking(body: dict[str, Any]) -> bool:
    thinking = body.get("thinking")
    if thinking is not None:
        if thinking not in ({"type": "enabled"}, {"type": "disabled"}):
            raise refuse("thinking must be of type enabled or disabled", "thinking")
        return bool(thinking["type"] == "enabled")
    return read_choice(body, "reasoning_effort", _EFFORTS) not in _NO_THOUGHT


def _read_usage(body: dict[str, Any], *, is_streamed: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict) or not is_streamed:
        raise refuse("stream_options is an object, and for streams", "stream_options")
    refuse_unknown(options, ("include_usage", "include_obfuscation"))
    read_flag(options, "include_obfuscation")
    return read_flag(options, "include_usage")
