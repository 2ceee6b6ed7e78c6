"""Requests and responses of OpenAI's "Create speech". Pure.

Source: OpenAI API reference, "Create speech", and its guide to text to speech.
"""

from __future__ import annotations

from typing import Any

from core.engines.wire.speech import check_preset, strip_tags
from core.errors import EngineRefused
from core.models import Utterance, Voice

RATE_HZ = 24_000
_NAMES = (
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
#: Prefix of models without instructions.
_PLAIN = "tts-1"
_TEXT = ("application/json", "application/problem+json", "text/")
_COMPRESSED = ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/opus", "audio/flac", "audio/aac")


def list_voices(own: str) -> tuple[Voice, ...]:
    """Return the voices of OpenAI, with the configured voice `own` first."""
    names = [own, *(name for name in _NAMES if name != own)]
    return tuple(Voice(name, name.capitalize(), "en") for name in names)


def can_style(model: str) -> bool:
    """Return whether `model` follows instructions."""
    return not model.lower().startswith(_PLAIN)


def build_speech(
    utterance: Utterance, *, model: str, voice: str, response_format: str
) -> dict[str, Any]:
    """Return the request body that synthesizes `utterance`. Raises EngineRefused.

    voice: default voice. response_format: "pcm" or "wav".
    """
    check_preset(utterance)
    text = strip_tags(utterance.text)
    if not text:
        raise EngineRefused("no words", reason="it contains nothing to read aloud")
    instructions = [utterance.direction] if utterance.direction else []
    if utterance.styles:
        instructions.append(f"Style: {', '.join(utterance.styles)}.")
    return {
        "model": model,
        "input": text,
        "voice": utterance.voice or voice,
        "response_format": response_format,
        **({"instructions": "\n".join(instructions)} if instructions else {}),
    }


def is_text(content_type: str) -> bool:
    """Return whether a response is text instead of audio."""
    return content_type.lower().startswith(_TEXT)


def refuse_compressed(content_type: str) -> None:
    """Raise EngineRefused if the server has chosen a compressed format."""
    if content_type.lower().startswith(_COMPRESSED):
        raise EngineRefused("neither PCM nor WAV", reason="the format is not supported")
