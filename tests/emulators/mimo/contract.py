"""Validation of MiMo requests: key, model and transcription, with MiMo's error bodies."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ASR_MODEL = "mimo-v2.5-asr"
MODELS = (
    "mimo-v2.6-pro",
    "mimo-v2.6-flash",
    ASR_MODEL,
    "mimo-v2.5-tts",
    "mimo-v2.5-tts-voicedesign",
    "mimo-v2.5-tts-voiceclone",
)
MAX_BASE64_CHARS = 10_000_000
DATA_URL = re.compile(r"data:([^;,]*);base64,", re.ASCII)
BEGINNINGS: dict[str, Callable[[bytes], bool]] = {
    "mp3": lambda s: s[:3] == b"ID3" or (len(s) > 4 and s[0] == 0xFF and s[1] >= 0xE0),
    "wav": lambda s: s[:4] == b"RIFF" and s[8:12] == b"WAVE",
    "flac": lambda s: s[:4] == b"fLaC",
    "m4a": lambda s: s[4:8] == b"ftyp",
    "ogg": lambda s: s[:4] == b"OggS",
}
_KINDS = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
#: The last two are undocumented, but known to be accepted.
_FIELDS = {"model", "messages", "asr_options", "stream", "temperature", "max_completion_tokens"}


class ApiError(Exception):
    """An error response to a request."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.status = status
        self.body = json.dumps({"error": error}, separators=(",", ":")).encode()


@dataclass(frozen=True)
class TranscriptionRequest:
    """A valid transcription request."""

    model: str
    recording: bytes
    kind: str
    language: str
    is_streamed: bool
    #: The request body, with the recording's base64 replaced by its sha256.
    shown: dict[str, Any] = field(default_factory=dict)


def wrong_param(reason: str) -> ApiError:
    return ApiError(400, {"code": "400", "message": "Param Incorrect", "param": reason, "type": ""})


def unsupported_model(model: object) -> ApiError:
    return ApiError(400, {"code": "400", "message": f"Unsupported model {model}"})


def wrong_key() -> ApiError:
    error = {"code": "401", "message": "Invalid API Key", "type": "invalid_key"}
    return ApiError(401, {**error, "param": "Please provide valid API Key"})


def too_many(message: str = "Too many requests") -> ApiError:
    return ApiError(429, {"code": "429", "message": message, "type": "limitation"})


def check_key(headers: Mapping[str, str], key: str) -> None:
    """Check the key in either header, or in both if both are sent. Raises ApiError."""
    given = []
    if "api-key" in headers:
        given.append(headers["api-key"])
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].partition(" ")
        given.append(token if scheme == "Bearer" else "")
    if not given or any(token != key for token in given):
        raise wrong_key()


def read_body(
    content_type: str, raw_body: bytes, models: tuple[str, ...] = MODELS
) -> dict[str, Any]:
    """Return the JSON body of a request to an existing model. Raises ApiError."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise wrong_param("Content-Type must be application/json")
    try:
        body = json.loads(raw_body)
    except ValueError:
        raise wrong_param("the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise wrong_param("the body must be an object")
    model = body.get("model")
    if not isinstance(model, str) or _strip_context(model) not in models:
        raise unsupported_model(model)
    return body


def _strip_context(model: str) -> str:
    """Return a model id without "[1m]", which requests the large context of a chat model."""
    can_ask = not re.search("asr|tts", model, re.IGNORECASE)
    return model.removesuffix("[1m]") if can_ask else model


def read_transcription_request(body: dict[str, Any]) -> TranscriptionRequest:
    """Return the validated transcription request. Raises ApiError."""
    if unknown := set(body) - _FIELDS:
        raise wrong_param(f"unknown field {min(unknown)}")
    if not isinstance(body.get("stream", False), bool):
        raise wrong_param("stream must be a boolean")
    kind, recording = read_audio(_read_part(body.get("messages")).get("data"))
    language = _read_language(body.get("asr_options", {}))
    shown = _show(body, recording)
    return TranscriptionRequest(
        body["model"], recording, kind, language, body.get("stream", False), shown
    )


def _show(body: dict[str, Any], recording: bytes) -> dict[str, Any]:
    audio = body["messages"][0]["content"][0]["input_audio"]
    data = audio["data"].partition(",")[0] + "," + hashlib.sha256(recording).hexdigest()
    part = {"type": "input_audio", "input_audio": {"data": data}}
    return {**body, "messages": [{"role": "user", "content": [part]}]}


def _read_part(messages: Any) -> dict[str, Any]:
    if not isinstance(messages, list) or len(messages) != 1:
        raise wrong_param("messages must hold one message")
    message = messages[0]
    if not isinstance(message, dict) or message.get("role") != "user":
        raise wrong_param("the message must be of role user")
    parts = message.get("content")
    if not isinstance(parts, list):
        raise wrong_param("content must be an array")
    if len(parts) != 1 or not isinstance(parts[0], dict) or parts[0].get("type") != "input_audio":
        raise wrong_param("content must hold one input_audio and nothing else")
    audio = parts[0].get("input_audio")
    if not isinstance(audio, dict) or set(audio) != {"data"}:
        raise wrong_param("input_audio is malformed")
    return audio


def read_audio(data: Any) -> tuple[str, bytes]:
    if not isinstance(data, str):
        raise wrong_param("input_audio.data is malformed")
    return read_data_url(data, _KINDS, MAX_BASE64_CHARS, "input_audio.data is malformed")


def read_data_url(
    data: str, kinds: Mapping[str, str], max_chars: int, otherwise: str
) -> tuple[str, bytes]:
    """Return the format and bytes of a data URL. otherwise: the error if it is none."""
    head = DATA_URL.match(data)
    if head is None:
        raise wrong_param(otherwise)
    kind = kinds.get(head[1])
    if kind is None:
        raise wrong_param(f"unsupported audio MIME type {head[1]}")
    if len(data) - head.end() > max_chars:
        raise wrong_param(f"the audio exceeds the limit of {max_chars // 1_000_000} MB")
    try:
        recording = base64.b64decode(data[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise wrong_param("input_audio.data is not valid base64") from None
    if not BEGINNINGS[kind](recording):
        raise wrong_param("the audio cannot be decoded")
    return kind, recording


def _read_language(options: Any) -> str:
    if not isinstance(options, dict) or set(options) - {"language"}:
        raise wrong_param("asr_options is malformed")
    language = options.get("language", "auto")
    if language not in ("auto", "zh", "en"):
        raise wrong_param("asr_options.language must be auto, zh or en")
    return str(language)
