"""What a program wants said: the body of a request for speech, read and checked. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from bots.openai_api.errors import refuse
from bots.openai_api.fields import (
    read_choice,
    read_number,
    read_text,
    refuse_unknown,
)

FORMATS = ("wav", "pcm", "mp3", "opus", "flac")
MEDIA_TYPES = {
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
}
STREAM_FORMATS = ("audio", "sse")
#: OpenAI's voices: where the engine has none of that name, they stand for its own choice.
VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx"),
    *("sage", "shimmer", "verse"),
)
FIELDS = (
    *("model", "input", "voice", "instructions", "response_format", "speed", "stream_format"),
)
_NO_SPEED = "speed cannot be set; use instructions to adjust the pace"


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text and how it is to be said."""

    model: str
    text: str
    #: A voice of the engine, None = its own choice.
    voice: str | None
    #: Styles or direction in words.
    style: str
    response_format: str
    is_events: bool


def read_speech(body: dict[str, Any], voices: Collection[str], *, can_style: bool) -> SpeechRequest:
    """Return what is wanted. voices: those of the engine. Raises ApiError."""
    refuse_unknown(body, FIELDS)
    text = read_text(body, "input")
    if not text.strip():
        raise refuse("input is required", "input")
    if read_number(body, "speed", 0, 4) not in (None, 0, 1):
        raise refuse(_NO_SPEED, "speed")
    style = read_text(body, "instructions").strip()
    if style and not can_style:
        raise refuse("this model takes no instructions: it speaks plainly", "instructions")
    return SpeechRequest(
        model=read_text(body, "model"),
        text=text,
        voice=_read_voice(body, voices),
        style=style,
        response_format=read_choice(body, "response_format", FORMATS),
        is_events=read_choice(body, "stream_format", STREAM_FORMATS) == "sse",
    )


def _read_voice(body: dict[str, Any], voices: Collection[str]) -> str | None:
    voice = body.get("voice")
    if isinstance(voice, dict):
        raise refuse("voices of one's own are not offered here", "voice")
    name = read_text(body, "voice").strip()
    if name in voices:
        return name
    if name and name not in VOICES:
        raise refuse(f"voice must be one of {', '.join(voices)}", "voice")
    return None
