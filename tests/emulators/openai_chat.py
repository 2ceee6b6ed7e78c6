"""OpenAI's chat completions, as strict as the API reference.

The answer repeats the question and the transcript of its audio, or comes from a script; a word is
a token. Audio is encoded with `mimo.tones`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from tests.emulators.mimo.contract import ApiError
from tests.emulators.mimo.faults import STREAMS, Fault
from tests.emulators.mimo.tones import read_words
from tests.emulators.mimo.transcription import decode

TOKENS_PER_S = 10
_FIELDS = {
    "model": str,
    "messages": list,
    "max_completion_tokens": int,
    "max_tokens": int,
    "stream": bool,
    "stream_options": dict,
    "temperature": float,
    "top_p": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "seed": int,
    "stop": list,
    "response_format": dict,
}
_ROLES = {"system", "developer", "user", "assistant"}


@dataclass
class ChatRules:
    """Behaviour of the chat models; may be changed while the server runs."""

    models: tuple[str, ...] = ("gpt-4o-mini", "gpt-audio")
    #: Models with audio input; they require it.
    audio_models: tuple[str, ...] = ("gpt-audio",)
    #: Error of the other models for audio input: status and message.
    audio_error: tuple[int, str] = (
        400,
        "Invalid 'messages[0]'. Content blocks are expected to be either text or image_url type.",
    )
    #: True: audio input is accepted and ignored.
    ignores_audio: bool = False
    #: Parameters that this server, unlike OpenAI, does not support, or does in addition.
    unsupported: set[str] = field(default_factory=set)
    additional: set[str] = field(default_factory=set)
    #: Regular expression for question and transcript, and the answer.
    script: list[tuple[str, str]] = field(default_factory=list)
    #: The model's reasoning, which counts as completion tokens.
    reasoning: str = ""


@dataclass(frozen=True)
class ChatInput:
    """The content of a valid request."""

    text: str
    transcript: str
    audio_s: float


def error_response(
    message: str, param: str | None, code: str | None = None, status: int = 400
) -> ApiError:
    """Return an error in OpenAI's format."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    refusal = ApiError(status, error)
    refusal.args = ({"error": error},)
    return refusal


async def answer_chat(body: bytes, rules: ChatRules, fault: Fault | None = None) -> Response:
    """Return the response to a request body. Raises ApiError."""
    try:
        request = json.loads(body)
    except ValueError:
        raise error_response("We could not parse the JSON body of your request.", None) from None
    _check_fields(request, rules)
    chat_input = await asyncio.to_thread(_read_messages, request["messages"])
    _check_audio(request["model"], chat_input, rules)
    answer = _make_answer(request, chat_input, rules)
    if not request.get("stream"):
        return JSONResponse(answer)
    events = [*_stream(answer, has_usage=bool(request.get("stream_options")))]
    faulty = STREAMS[fault.kind](events) if fault and fault.kind in STREAMS else events
    return StreamingResponse(_send(faulty), media_type="text/event-stream")


def _check_fields(request: dict[str, Any], rules: ChatRules) -> None:
    for name in request:
        if name in rules.unsupported or name not in {*_FIELDS, *rules.additional}:
            raise error_response(f"Unrecognized request argument supplied: {name}", name)
    for name, kind in _FIELDS.items():
        if name in request and type(request[name]) is not kind:
            raise error_response(f"Invalid type for '{name}'", name, "invalid_type")
    if request.get("model") not in rules.models:
        message = f"The model `{request.get('model')}` does not exist or you do not have access"
        raise error_response(message, None, "model_not_found", 404)
    if not request.get("messages"):
        raise error_response("Invalid 'messages': empty array.", "messages", "empty_array")
    _check_together(request)


def _check_together(request: dict[str, Any]) -> None:
    if "stream_options" in request and request.get("stream") is not True:
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise error_response(message, "stream_options")
    if {"max_tokens", "max_completion_tokens"} <= set(request):
        raise error_response(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time", None
        )


def _check_audio(model: str, chat_input: ChatInput, rules: ChatRules) -> None:
    if chat_input.audio_s and model not in rules.audio_models and not rules.ignores_audio:
        status, message = rules.audio_error
        raise error_response(message, "messages[0]", "invalid_value", status)
    if not chat_input.audio_s and model in rules.audio_models:
        message = "This model requires that either input content or output modality contain audio."
        raise error_response(message, "model", "invalid_value")


def _read_messages(messages: list[Any]) -> ChatInput:
    transcript: list[str] = []
    audio_s = 0.0
    text = ""
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise error_response(
                f"Invalid value: '{where}.role'.", f"{where}.role", "invalid_value"
            )
        if unsupported := set(message) - {"role", "content", "name"}:
            raise error_response(f"Unknown parameter: '{where}.{min(unsupported)}'.", f"{where}")
        for part in _read_parts(message, where):
            if part["type"] == "text":
                text = part["text"]
            else:
                words, length_s = _transcribe(part["input_audio"], where)
                transcript.append(words)
                audio_s += length_s
    if messages[-1]["role"] != "user":
        raise error_response("the last message must be the user's", "messages")
    return ChatInput(text, " ".join(transcript).strip(), audio_s)


def _read_parts(message: dict[str, Any], where: str) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        raise error_response(
            f"Invalid type for '{where}.content'", f"{where}.content", "invalid_type"
        )
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        is_text = kind == "text" and isinstance(part.get("text"), str) and part["text"]
        is_audio = kind == "input_audio" and isinstance(part.get("input_audio"), dict)
        if not (is_text or (is_audio and message["role"] == "user")) or len(part) != 2:
            raise error_response(
                f"Invalid value: '{kind}'.", f"{where}.content.type", "invalid_value"
            )
    return content


def _transcribe(audio: dict[str, Any], where: str) -> tuple[str, float]:
    place = f"{where}.input_audio"
    if set(audio) != {"data", "format"} or audio["format"] not in ("wav", "mp3"):
        raise error_response(
            "Supported values are: 'wav' and 'mp3'.", f"{place}.format", "invalid_value"
        )
    try:
        data = base64.b64decode(audio["data"], validate=True)
        pcm, rate_hz = decode(data, audio["format"])
    except (binascii.Error, TypeError, ValueError, ApiError):
        message = f"The data provided for 'input_audio' is not of valid {audio['format']} format."
        raise error_response(message, place, "invalid_value") from None
    words = " ".join(f"w{word.number}" for word in read_words(pcm, rate_hz))
    return words, len(pcm) / 2 / rate_hz


def _make_answer(
    request: dict[str, Any], chat_input: ChatInput, rules: ChatRules
) -> dict[str, Any]:
    whole = f"{chat_input.text} {chat_input.transcript}"
    plain = f"You asked: {chat_input.text} I heard: {chat_input.transcript or 'nothing'}."
    found = (answer for pattern, answer in rules.script if re.search(pattern, whole))
    max_tokens = request.get("max_completion_tokens", request.get("max_tokens", 1000))
    reasoning, said = rules.reasoning.split(), next(found, plain)
    words = re.findall(r"\S+\s*", said)
    left = max(max_tokens - len(reasoning), 0)
    is_cut = len(words) > left
    message: dict[str, Any] = {"role": "assistant", "content": "".join(words[:left])}
    if reasoning:
        message["reasoning_content"] = " ".join(reasoning[:max_tokens])
    tokens = 0 if rules.ignores_audio else round(chat_input.audio_s * TOKENS_PER_S)
    usage = {
        "prompt_tokens": len(chat_input.text.split()) + tokens,
        "completion_tokens": min(max_tokens, len(reasoning) + len(words)),
        "prompt_tokens_details": {"audio_tokens": tokens, "cached_tokens": 0},
    }
    finish = "length" if is_cut else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }


def _stream(answer: dict[str, Any], *, has_usage: bool) -> Iterator[bytes]:
    """Yield the answer word by word, as server-sent events."""
    [choice] = answer["choices"]
    head = {"id": answer["id"], "object": "chat.completion.chunk", "model": answer["model"]}

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        chunk = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + json.dumps({**head, "choices": [chunk]}).encode() + b"\n\n"

    yield event({"role": "assistant", "content": ""})
    for name in ("reasoning_content", "content"):
        for word in re.findall(r"\S+\s*", choice["message"].get(name, "")):
            yield event({name: word})
    yield event({}, choice["finish_reason"])
    if has_usage:
        usage = {**head, "choices": [], "usage": answer["usage"]}
        yield b"data: " + json.dumps(usage).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


async def _send(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        await asyncio.sleep(0)
