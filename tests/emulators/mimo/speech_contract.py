"""Validation of requests to MiMo's TTS models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.emulators.mimo.contract import ApiError, read_audio, wrong_param

DESIGN, CLONE = "mimo-v2.5-tts-voicedesign", "mimo-v2.5-tts-voiceclone"
VOICES = {
    "mimo-v2-tts": ("mimo_default", "default_zh", "default_en"),
    "mimo-v2.5-tts": (
        "mimo_default",
        *("冰糖", "茉莉", "苏打", "白桦"),
        *("Mia", "Chloe", "Milo", "Dean"),
    ),
}
FORMATS = ("wav", "pcm", "pcm16")
_FIELDS = {"model", "messages", "audio", "stream", "temperature", "max_completion_tokens"}


@dataclass(frozen=True)
class SpeechRequest:
    """A valid synthesis request."""

    model: str
    text: str
    direction: str
    #: A preset voice, empty for a designed or cloned one.
    voice: str
    #: The recording of the voice to clone.
    sample: bytes
    form: str
    is_streamed: bool


def read_speech_request(body: dict[str, Any]) -> SpeechRequest:
    """Return the validated synthesis request. Raises ApiError."""
    model = body["model"]
    if unknown := set(body) - _FIELDS:
        raise wrong_param(f"unknown field {min(unknown)}")
    is_streamed = body.get("stream", False)
    if not isinstance(is_streamed, bool):
        raise wrong_param("stream must be a boolean")
    direction, text = _read_messages(body.get("messages"))
    if model == DESIGN and not direction.strip():
        raise wrong_param("the user message must describe the voice")
    audio = body.get("audio", {})
    if not isinstance(audio, dict) or set(audio) - {"format", "voice"}:
        raise wrong_param("audio is malformed")
    form = audio.get("format", "pcm" if is_streamed else "wav")
    if form not in FORMATS:
        raise wrong_param(f"unsupported audio format {form}")
    if is_streamed and form == "wav":
        raise wrong_param("audio.format must be pcm16 when streaming")
    voice, sample = _read_voice(model, audio)
    return SpeechRequest(model, text, direction, voice, sample, form, is_streamed)


def _read_messages(messages: Any) -> tuple[str, str]:
    """Return direction and text, from an optional user and one assistant message."""
    if not isinstance(messages, list) or not messages:
        raise wrong_param("messages must not be empty")
    for message in messages:
        _check_message(message)
    roles = [message["role"] for message in messages]
    if "assistant" not in roles:
        raise wrong_param("the text to speak must be in a message of role assistant")
    if roles not in (["assistant"], ["user", "assistant"]):
        raise wrong_param("messages must be one of user, or none, and one of assistant")
    text = messages[-1]["content"]
    if not text.strip():
        raise wrong_param("the text to speak is empty")
    return (messages[0]["content"] if len(messages) == 2 else ""), text


def _check_message(message: Any) -> None:
    if not isinstance(message, dict) or set(message) != {"role", "content"}:
        raise wrong_param("a message is malformed")
    if message["role"] not in ("user", "assistant"):
        raise wrong_param(f"the role {message['role']} is not supported")
    if not isinstance(message["content"], str):
        raise wrong_param("content must be a string")


def _read_voice(model: str, audio: dict[str, Any]) -> tuple[str, bytes]:
    voice = audio.get("voice")
    if model == DESIGN:
        if "voice" in audio:
            raise wrong_param("audio.voice must be absent")
        return "", b""
    if model == CLONE:
        return "", _read_sample(voice)
    known = VOICES.get(model, VOICES["mimo-v2.5-tts"])
    if voice is not None and voice not in known:
        raise wrong_param(f"unknown voice {voice}"[:100])
    return voice or "mimo_default", b""


def _read_sample(voice: Any) -> bytes:
    if not isinstance(voice, str) or not voice.startswith("data:"):
        raise wrong_param("audio.voice must be a data URL")
    try:
        return read_audio(voice)[1]
    except ApiError as error:
        reason = str(error.args[0]["param"])
        raise wrong_param(reason.replace("input_audio.data", "audio.voice")) from None
