"""The wire of OpenAI's "Create speech", as many servers speak it. Pure, no input or output.

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
#: They take no instructions.
_PLAIN = "tts-1"
_TEXT = ("application/json", "application/problem+json", "text/")
_COMPRESSED = ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/opus", "audio/flac", "audio/aac")


def list_voices(own: str) -> tuple[Voice, ...]:
    """Return the voices of OpenAI, with `own`, which the operator has set, in front."""
    names = [own, *(name for name in _NAMES if name != own)]
    return tuple(Voice(name, name.capitalize(), "en") for name in names)


def can_style(model: str) -> bool:
    """Tell whether `model` follows instructions."""
    return not model.lower().startswith(_PLAIN)


def build_speech(
    utterance: Utterance, *, model: str, voice: str, response_format: str
) -> dict[str, Any]:
    """Return the body that asks for the sound of `utterance`. Raises EngineRefused.

    voice: where the utterance names none. form: "pcm" or "wav".
    """
    check_preset(utterance)
    text = strip_tags(utterance.text)
    if not text:
        raise EngineRefused("no words", reason="there is nothing to speak in it")
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
    """Tell whether an answer is text instead of sound."""
    return content_type.lower().startswith(_TEXT)


def refuse_compressed(content_type: str) -> None:
    """Raise EngineRefused if a server has answered in a format of its own choice."""
    if content_type.lower().startswith(_COMPRESSED):
        raise EngineRefused("neither PCM nor WAV", reason="the format is not supported")
