"""Requests and responses of MiMo's chat models. Pure.

Sources: MiMo docs, "Audio Understanding", "Deep Thinking" and the API reference of chat
completions, 2026.
"""

from __future__ import annotations

from typing import Any

from core.engines.mimo.transcription_wire import build_audio_part
from core.engines.wire.body import Body, encode_body
from core.engines.wire.chat import build_messages, build_sampling, find_audio_data
from core.engines.wire.errors import clean
from core.errors import NotSent
from core.models import Audio, Question

#: The base64 text of one audio may have 50 MB; this leaves room for the data URL's head.
MAX_BYTES = 37_499_900
_MAX_TOKENS = 131_072
_MAX_TEMPERATURE = 1.5
_LEAST_TOP_P = 0.01
PARAMETERS = frozenset(
    ("top_p", "presence_penalty", "frequency_penalty", "stop", "response_format")
)
#: Accepted MIME types -> MiMo's names of them; the preferred one to convert to first.
_MIMES = {
    "audio/mpeg": "audio/mpeg",
    "audio/wav": "audio/wav",
    "audio/flac": "audio/flac",
    "audio/mp4": "audio/mp4",
    "audio/ogg": "audio/ogg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
}
FORMATS = tuple(_MIMES)
#: Prefixes and suffix of ids with a context of 1M tokens; that of the others is 256K.
_LARGE = ("mimo-v2.5", "mimo-v2.6")
_LARGE_SUFFIX = "[1m]"


def find_context_tokens(model: str) -> int:
    """Return the size of the context window of `model`."""
    is_large = model.startswith(_LARGE) or model.endswith(_LARGE_SUFFIX)
    return 1_000_000 if is_large else 256_000


def build_question(question: Question, *, model: str, is_streamed: bool = False) -> Body:
    """Return the request body that asks `question`.

    Raises NotSent if the format or size of a recording is not accepted.
    """
    thinking = "enabled" if question.is_thinking else "disabled"
    temperature = question.temperature
    body = {
        "model": model,
        "messages": _add_reasoning(build_messages(question, _build_audio_part), question),
        "max_completion_tokens": min(max(question.max_tokens, 1), _MAX_TOKENS),
        "thinking": {"type": thinking},
        **_build_sampling(question),
        **({} if temperature is None else {"temperature": min(temperature, _MAX_TEMPERATURE)}),
        **({"stream": True} if is_streamed else {}),
    }
    return encode_body(body, find_audio_data(question))


def _build_sampling(question: Question) -> dict[str, Any]:
    found = build_sampling(question)
    if "top_p" in found:
        found["top_p"] = max(found["top_p"], _LEAST_TOP_P)
    return {name: value for name, value in found.items() if name in PARAMETERS}


def _build_audio_part(audio: Audio) -> dict[str, Any]:
    if not audio.url:
        return build_audio_part(audio, _MIMES, MAX_BYTES)
    if not audio.url.lower().startswith(("http://", "https://")):
        raise NotSent("not an HTTP URL", reason="the address is not a web address")
    return {"type": "input_audio", "input_audio": {"data": clean(audio.url)}}


def _add_reasoning(messages: list[dict[str, Any]], question: Question) -> list[dict[str, Any]]:
    """Give the model its own reasoning back, which it may require while thinking."""
    own = (m for m in messages if m["role"] == "assistant")
    turns = (t for t in question.turns if t.role == "assistant")
    for message, turn in zip(own, turns, strict=True):
        if turn.reasoning or question.is_thinking:
            message["reasoning_content"] = clean(turn.reasoning)
    return messages
