"""Requests and responses of OpenAI's "Create speech", also of gateways to MiMo. Pure.

A gateway puts a prefix before the model ("xiaomi/mimo-v2.5-tts"), passes chat completions on
unchanged, and translates the audio endpoints into them. Sources: OpenAI API reference, "Create
speech", and its guide to text to speech; GoModel docs, "Xiaomi MiMo", 2026.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.engines.mimo.speech_wire import build_speech as build_mimo_speech
from core.engines.mimo.speech_wire import preset_voices
from core.engines.wire.speech import check_preset, strip_tags
from core.errors import EngineRefused, NotSent
from core.models import Utterance, Voice
from core.text.mimo_names import TTS_CLONE, TTS_DESIGN, find_mimo, swap_mimo

RATE_HZ = 24_000
_NAMES = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip
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
    """Return the request body that synthesizes `utterance`. Raises NotSent.

    voice: default voice. response_format: "pcm" or "wav".
    """
    check_preset(utterance)
    text = strip_tags(utterance.text)
    if not text:
        raise NotSent("no words", reason="it contains nothing to read aloud")
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


def pick_model(utterance: Utterance, model: str) -> str:
    """Return the model for the voice of `utterance`; `model` is that of the preset voices."""
    if utterance.description:
        return swap_mimo(model, TTS_DESIGN)
    return swap_mimo(model, TTS_CLONE) if utterance.sample is not None else model


def list_mimo_voices(model_id: str, own: str) -> tuple[Voice, ...]:
    """Return the preset voices of the MiMo model `model_id`, the voice `own` first."""
    voices = preset_voices(model_id)
    return tuple(sorted(voices, key=lambda voice: voice.voice_id != own))


def build_gateway_speech(
    utterance: Utterance, *, model: str, voice: str, response_format: str
) -> dict[str, Any]:
    """Return the request body that synthesizes `utterance`, with styles in MiMo's syntax.

    voice: default voice; ignored unless the model has it. response_format: "pcm" or "wav".
    Raises NotSent if a sample is not accepted.
    """
    model_id = find_mimo(model) or model
    own = {preset.voice_id for preset in preset_voices(model_id)}
    if utterance.voice is None and voice in own:
        utterance = replace(utterance, voice=voice)
    body = build_mimo_speech(utterance, model=model_id)
    *before, last = body["messages"]
    chosen = body["audio"].get("voice")
    return {
        "model": model,
        "input": last["content"],
        **({"voice": chosen} if chosen else {}),
        "response_format": response_format,
        **({"instructions": before[0]["content"]} if before else {}),
    }


def is_text(content_type: str) -> bool:
    """Return whether a response is text instead of audio."""
    return content_type.lower().startswith(_TEXT)


def refuse_compressed(content_type: str) -> None:
    """Raise EngineRefused if the server has chosen a compressed format."""
    if content_type.lower().startswith(_COMPRESSED):
        raise EngineRefused("neither PCM nor WAV", reason="the format is not supported")
