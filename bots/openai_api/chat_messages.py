"""The messages of a chat completion, and the recordings in them. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bots.openai_api.errors import ApiError, refuse

#: What a recording may be called; what it is, its bytes say.
AUDIO_FORMATS = ("wav", "mp3", "flac", "m4a", "ogg")
MAX_SOUNDS = 16
MAX_MESSAGES = 1000
_INSTRUCTING = ("system", "developer")
_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "reasoning_content", "refusal", "annotations"},
}
#: What clients give back of an answer although it is empty.
_EMPTY = ("refusal", "annotations", "tool_calls", "function_call", "audio")
_NO_FETCH = "addresses are not fetched from here: send the sound itself as base64"


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message."""

    role: Literal["user", "assistant"]
    text: str
    sounds: tuple[bytes, ...] = ()
    #: What the model thought before, given back to it.
    reasoning: str = ""


def read_messages(messages: object) -> tuple[str, tuple[ChatMessage, ...]]:
    """Return the instructions at the beginning, and what was said after them. Raises ApiError."""
    if not isinstance(messages, list) or not 0 < len(messages) <= MAX_MESSAGES:
        raise refuse(f"messages must be a list of 1 to {MAX_MESSAGES} messages", "messages")
    instructions: list[str] = []
    said: list[ChatMessage] = []
    for number, message in enumerate(messages):
        at = f"messages[{number}]"
        role = _check(message, at)
        if role not in _INSTRUCTING:
            said.append(_read_said(message, at))
        elif said:
            raise refuse(f"{at}: instructions come before all other messages", at)
        else:
            instructions.append(_read_content(message.get("content"), at, None)[0])
    if not said or said[-1].role != "user":
        raise refuse("the last message must be of role user", "messages")
    if sum(len(one.sounds) for one in said) > MAX_SOUNDS:
        raise refuse(f"more than {MAX_SOUNDS} recordings", "messages")
    return "\n\n".join(instructions), tuple(said)


def _check(message: object, at: str) -> str:
    """Return the role of a message. Raises ApiError if it is none that is known, or has more."""
    if not isinstance(message, dict):
        raise refuse(f"{at} must be an object", at)
    role = message.get("role")
    if not isinstance(role, str) or role not in _FIELDS:
        is_tool = role in ("tool", "function")
        why = "tools are not supported" if is_tool else f"role must be one of {', '.join(_FIELDS)}"
        raise refuse(f"{at}: {why}", f"{at}.role")
    for name in sorted(set(message) - _FIELDS[role] | set(_EMPTY) & set(message)):
        if message[name] or name not in _EMPTY or role != "assistant":
            raise refuse(f"{at}: {name[:100]} is not supported", at)
    return role


def _read_said(message: dict[str, Any], at: str) -> ChatMessage:
    role: Literal["user", "assistant"] = "user" if message["role"] == "user" else "assistant"
    read_sound = _read_sound if role == "user" else None
    text, sounds = _read_content(message.get("content"), at, read_sound)
    if role == "user" and not text.strip() and not sounds:
        raise refuse(f"{at}: there is nothing in it", f"{at}.content")
    reasoning = message.get("reasoning_content")
    if reasoning is not None and not isinstance(reasoning, str):
        raise refuse(f"{at}: reasoning_content must be a string", at)
    return ChatMessage(role, text, sounds, reasoning or "")


def _read_content(
    content: object, at: str, read_sound: Callable[[dict[str, Any], str], bytes] | None
) -> tuple[str, tuple[bytes, ...]]:
    """Return the text of a message and its recordings. read_sound: None where it may have none."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not parts:
        raise refuse(f"{at}: content must be a text or a list of parts", f"{at}.content")
    texts: list[str] = []
    sounds: list[bytes] = []
    for number, part in enumerate(parts):
        where = f"{at}.content[{number}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "input_audio" and read_sound is not None:
            sounds.append(read_sound(part, where))
        else:
            raise _build_unknown_part(kind, where)
    return "\n".join(texts), tuple(sounds)


def _build_unknown_part(kind: object, where: str) -> ApiError:
    names = {"image_url": "images", "file": "files", "video_url": "videos"}
    what = names.get(kind, "") if isinstance(kind, str) else ""
    if what:
        return refuse(f"{where}: {what} are not supported, only text and sound", where)
    return refuse(f"{where}: a part is a text, or input_audio in a message of role user", where)


def _read_sound(part: dict[str, Any], where: str) -> bytes:
    """Return the bytes of a recording: base64, also as a data URL."""
    audio = part.get("input_audio")
    data = audio.get("data") if isinstance(audio, dict) else None
    if not isinstance(audio, dict) or not isinstance(data, str):
        raise refuse(f"{where}: input_audio.data must be a string", where)
    is_url = data[:5].lower() == "data:"
    if audio.get("format", "wav" if is_url else None) not in AUDIO_FORMATS:
        formats = ", ".join(AUDIO_FORMATS)
        raise refuse(f"{where}: input_audio.format must be one of {formats}", where)
    if data[:8].lower().startswith(("http:", "https:")):
        raise refuse(f"{where}: {_NO_FETCH}", where)
    try:
        sound = b64decode(data.partition(",")[2] if is_url else data, validate=True)
    except ValueError:
        raise refuse(f"{where}: input_audio.data is not valid base64", where) from None
    if not sound:
        raise refuse(f"{where}: the recording is empty", where)
    return sound
