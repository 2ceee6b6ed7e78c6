"""Requests and responses of OpenAI's chat completions, and how servers differ in them. Pure.

Sources: OpenAI API reference, "Chat Completions" and its guide to audio; what vLLM, llama.cpp,
OpenRouter and OpenAI answer to audio that a model does not support, as published in bug reports.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from core.engines.mimo import chat_wire as mimo_chat_wire
from core.engines.mimo.role import CHAT_LIMITS
from core.engines.openai import transcription_wire as openai_wire
from core.engines.wire.body import PLACEHOLDER, Body, encode_body
from core.engines.wire.chat import build_messages, build_sampling, find_audio_data, has_audio
from core.engines.wire.errors import read_error_body, read_json
from core.engines.wire.speech import make_silence
from core.errors import AudioNotSupported, EngineError, EngineRefused
from core.interfaces import AnswererLimits
from core.models import Audio, Question
from core.text.mimo_names import find_mimo

#: A body of 20 MB in base64.
MAX_BYTES = 15_000_000
_SILENCE_S = 0.2
#: Parameters that not every server knows, and that can be left out.
_SAMPLING = (
    *("top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "response_format"),
)
_OPTIONAL = ("max_completion_tokens", "stream_options", "thinking", *_SAMPLING)
#: Statuses about the key, the balance or the rate, not about the model.
_OTHER_REASONS = frozenset({401, 402, 403, 408, 409, 425, 429})
_AUDIO_IS_INVALID = re.compile(
    r"corrupt|too (?:short|long)|(?:audio|file) format|input_audio\.|duration|decod"
)
_REFUSES_AUDIO = re.compile(
    r"audio.{0,80}(?:not |un|n't )support|(?:not|n't|only) support.{0,80}audio"
    r"|support input audio|at most 0 audio"
    r"|(?:invalid|unknown|unrecognized|unexpected|unsupported)[^.]{0,30}input_audio"
    r"|content blocks are expected to be",
    re.DOTALL,
)
_REQUIRES_AUDIO = "contain audio"
#: Refused by models that require audio; like the optional parameters, it can be avoided.
_TEXT_ONLY = "text without audio"
#: MiMo's own message format, which gateways pass on and its models need. A server that validates
#: what it passes on may require OpenAI's format all the same.
_MIMO_FORMAT = "MiMo's message format"
_WANTS_OTHER_FORMAT = re.compile(r"\bformat\b|base64|\burl\b|supported values|required|unknown")


class UnsupportedPart(EngineRefused):
    """The server refuses a part of the request that can be left out."""

    def __init__(self, part: str, error: EngineError) -> None:
        super().__init__(f"{error}: {part}", reason=str(error.values.get("reason", "")))
        self.part = part


def find_limits(model: str, *, can_take_audio: bool) -> AnswererLimits:
    """Return the limits of `model`. can_take_audio: it is not known to refuse audio."""
    formats = tuple(openai_wire.FORMATS) if can_take_audio else ()
    model_id = find_mimo(model)
    if model_id is None:
        return AnswererLimits(
            formats=formats,
            max_bytes=MAX_BYTES,
            can_think=can_think(model),
            parameters=frozenset(_SAMPLING),
            audio_tokens_per_s=10.0,
            concurrency=4,
            is_slow=True,
        )
    # Only what both message formats allow.
    return replace(
        CHAT_LIMITS,
        formats=formats,
        max_bytes=MAX_BYTES,
        can_fetch_urls=False,
        context_tokens=mimo_chat_wire.find_context_tokens(model_id),
    )


def can_think(model: str) -> bool:
    """Return whether requests can switch the thinking of `model` on and off."""
    return "mimo" in model.lower()


def build_question(
    question: Question, *, model: str, is_streamed: bool, without: frozenset[str] = frozenset()
) -> Body:
    """Return the request body that asks `question`.

    without: parts that the server has refused before (`UnsupportedPart`).
    Raises EngineRefused if the format or size of a recording is not accepted.
    """
    if _is_mimo_format(model, without):
        return mimo_chat_wire.build_question(question, model=model, is_streamed=is_streamed)
    if _TEXT_ONLY in without and not has_audio(question):
        question = _add_silence(question)
    extras: dict[str, Any] = build_sampling(question)
    extras["max_completion_tokens"] = question.max_tokens
    if is_streamed:
        extras["stream_options"] = {"include_usage": True}
    if can_think(model):
        extras["thinking"] = {"type": "enabled" if question.is_thinking else "disabled"}
    if "max_completion_tokens" in without:
        extras["max_tokens"] = question.max_tokens
    body = {
        "model": model,
        "messages": build_messages(question, _build_audio_part),
        **({"stream": True} if is_streamed else {}),
        **({"temperature": question.temperature} if question.temperature is not None else {}),
        **{name: value for name, value in extras.items() if name not in without},
    }
    return encode_body(body, find_audio_data(question))


def read_response(body: bytes | str) -> dict[str, Any]:
    """Return the JSON of a response or chunk. Raises EngineError for an error inside."""
    response = read_json(body)
    if response.get("error"):
        raise read_error(200, body if isinstance(body, bytes) else body.encode())
    return response


def read_error(status: int, body: bytes, retry_after: str | None = None) -> EngineError:
    """Return the EngineError for an error response.

    Messages about audio and parameters count whatever the status is: it has been 400, 404, 422
    and 500.
    """
    error = openai_wire.read_error(status, body, retry_after)
    text = body.decode("utf-8", "replace").lower()
    found = read_error_body(body)
    message = found.message.lower() if found else text
    if status in _OTHER_REASONS:
        return error
    if _REQUIRES_AUDIO in message:
        return UnsupportedPart(_TEXT_ONLY, error)
    if _REFUSES_AUDIO.search(message) and not _AUDIO_IS_INVALID.search(message):
        return AudioNotSupported(str(error))
    name = next((name for name in _OPTIONAL if name in text), None)
    return UnsupportedPart(name, error) if name and isinstance(error, EngineRefused) else error


def find_unsupported(error: EngineRefused, *, model: str, without: frozenset[str]) -> str | None:
    """Return the refused part that can be left out, None if there is no such part.

    without: parts that were left out already.
    """
    part = error.part if isinstance(error, UnsupportedPart) else None
    if _is_mimo_format(model, without):
        reason = str(error.values.get("reason", "")).lower()
        is_format = isinstance(error, AudioNotSupported) or _WANTS_OTHER_FORMAT.search(reason)
        return _MIMO_FORMAT if part or is_format else None
    return None if part in without else part


def _is_mimo_format(model: str, without: frozenset[str]) -> bool:
    return find_mimo(model) is not None and _MIMO_FORMAT not in without


def _add_silence(question: Question) -> Question:
    """Return `question` with a moment of silence attached."""
    *before, last = question.turns
    silence = make_silence(_SILENCE_S)
    return replace(question, turns=(*before, replace(last, audios=(*last.audios, silence))))


def _build_audio_part(audio: Audio) -> dict[str, Any]:
    audio_format = openai_wire.find_format(audio, MAX_BYTES)
    return {"type": "input_audio", "input_audio": {"data": PLACEHOLDER, "format": audio_format}}
