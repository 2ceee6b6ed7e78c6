"""Validation of requests to MiMo's chat models, with text and recordings."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.mimo.contract import BEGINNINGS, DATA_URL, read_data_url, wrong_param

MAX_BASE64_CHARS = 50_000_000
MAX_OUTPUT_TOKENS = 131_072
#: The documented fields that the bot sends.
_FIELDS = {
    *("model", "messages", "max_completion_tokens", "thinking", "stream", "temperature"),
    *("top_p", "presence_penalty", "frequency_penalty", "stop", "response_format"),
}
#: Ranges of numbers.
_RANGES = {
    "temperature": (0, 1.5),
    "top_p": (0.01, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
_MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "reasoning_content"},
}
_KINDS = {
    **dict.fromkeys(("audio/mpeg", "audio/mp3"), "mp3"),
    **dict.fromkeys(("audio/wav", "audio/x-wav"), "wav"),
    **dict.fromkeys(("audio/flac", "audio/x-flac"), "flac"),
    **dict.fromkeys(("audio/mp4", "audio/m4a", "audio/x-m4a"), "m4a"),
    "audio/ogg": "ogg",
}


@dataclass(frozen=True)
class Recording:
    """A recording in a question."""

    data: bytes
    kind: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


_JSON = {"type": "json_object"}


@dataclass(frozen=True)
class ChatRequest:
    """A valid chat request."""

    model: str
    #: All texts of all messages, for counting tokens.
    texts: list[str]
    #: The text of the last user message.
    question: str
    recordings: list[Recording]
    is_thinking: bool
    is_streamed: bool
    max_tokens: int
    stop: tuple[str, ...] = ()
    is_json: bool = False
    #: The request body, with each recording's base64 replaced by its sha256.
    shown: dict[str, Any] = field(default_factory=dict)


def read_chat_request(body: dict[str, Any], urls: Mapping[str, bytes]) -> ChatRequest:
    """Return the validated request. urls: files that can be downloaded. Raises ApiError."""
    _check_fields(body)
    is_thinking, max_tokens = _read_thinking(body), _read_max_tokens(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise wrong_param("messages must not be empty")
    texts: list[str] = []
    recordings: list[Recording] = []
    question = None
    for message in messages:
        _check_message(message)
        text, found = _read_content(message["role"], message.get("content"), urls)
        texts.append(text + message.get("reasoning_content", ""))
        recordings += found
        question = text if message["role"] == "user" else question
    if question is None or messages[-1]["role"] != "user":
        raise wrong_param("the last message must be of role user")
    return ChatRequest(
        model=body["model"],
        texts=texts,
        question=question,
        recordings=recordings,
        is_thinking=is_thinking,
        is_streamed=body.get("stream", False),
        max_tokens=max_tokens,
        stop=tuple(body.get("stop", ())),
        is_json=body.get("response_format") == _JSON,
        shown=_show(body, recordings),
    )


def _read_thinking(body: dict[str, Any]) -> bool:
    thinking = body.get("thinking", {"type": "enabled"})
    if thinking not in ({"type": "enabled"}, {"type": "disabled"}):
        raise wrong_param("thinking.type must be enabled or disabled")
    return bool(thinking["type"] == "enabled")


def _read_max_tokens(body: dict[str, Any]) -> int:
    tokens = body.get("max_completion_tokens", MAX_OUTPUT_TOKENS)
    if type(tokens) is not int or not 1 <= tokens <= MAX_OUTPUT_TOKENS:
        raise wrong_param("max_completion_tokens must be between 1 and 131072")
    return tokens


def _check_fields(body: dict[str, Any]) -> None:
    if unknown := set(body) - _FIELDS:
        raise wrong_param(f"unknown field {min(unknown)}")
    if not isinstance(body.get("stream", False), bool):
        raise wrong_param("stream must be a boolean")
    for name, (least, most) in _RANGES.items():
        value = body.get(name, most)
        if type(value) not in (int, float) or not least <= value <= most:
            raise wrong_param(f"{name} must be between {least} and {most}")
    stop = body.get("stop", [])
    if len(stop) > 4 or not all(isinstance(word, str) and word for word in stop):
        raise wrong_param("stop must be up to four strings")
    if body.get("response_format", {"type": "text"}) not in ({"type": "text"}, _JSON):
        raise wrong_param("response_format.type must be text or json_object")


def _check_message(message: Any) -> None:
    if not isinstance(message, dict):
        raise wrong_param("a message is malformed")
    fields = _MESSAGE_FIELDS.get(str(message.get("role")))
    if fields is None:
        raise wrong_param(f"the role {message.get('role')} is not supported")
    if unknown := set(message) - fields:
        raise wrong_param(f"unknown field {min(unknown)} in a message of role {message['role']}")
    if not isinstance(message.get("reasoning_content", ""), str):
        raise wrong_param("reasoning_content must be a string")


def _read_content(
    role: str, content: Any, urls: Mapping[str, bytes]
) -> tuple[str, list[Recording]]:
    """Return the text and the recordings of a message. Raises ApiError without a text."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise wrong_param("`text` is not set")
    texts, recordings = [], []
    for part in parts:
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif part.get("type") == "input_audio" and role == "user":
            recordings.append(_read_recording(part.get("input_audio"), urls))
        else:
            raise wrong_param(f"unsupported content part in a message of role {role}")
    if not texts or (role == "user" and not "".join(texts).strip()):
        raise wrong_param("`text` is not set")
    return "\n".join(texts), recordings


def _read_recording(audio: Any, urls: Mapping[str, bytes]) -> Recording:
    data = audio.get("data") if isinstance(audio, dict) else None
    if not isinstance(data, str) or set(audio) != {"data"}:
        raise wrong_param("input_audio is malformed")
    if data.startswith(("http://", "https://")):
        return _fetch(data, urls)
    kind, recording = read_data_url(data, _KINDS, MAX_BASE64_CHARS, "input_audio.data: invalid URL")
    return Recording(recording, kind)


def _fetch(url: str, urls: Mapping[str, bytes]) -> Recording:
    recording = urls.get(url)
    if recording is None:
        raise wrong_param("input_audio.data: the URL cannot be downloaded")
    kinds = [kind for kind, begins in BEGINNINGS.items() if begins(recording)]
    if not kinds:
        raise wrong_param("the audio cannot be decoded")
    return Recording(recording, kinds[0])


def _show(body: dict[str, Any], recordings: list[Recording]) -> dict[str, Any]:
    """Return the body with each recording's base64 replaced by its sha256."""
    shown, given = copy.deepcopy(body), iter(recordings)
    for message in shown["messages"]:
        for part in message["content"] if isinstance(message["content"], list) else []:
            if part["type"] == "input_audio":
                audio, recording = part["input_audio"], next(given)
                if head := DATA_URL.match(audio["data"]):
                    audio["data"] = head[0] + recording.sha256
    return shown
