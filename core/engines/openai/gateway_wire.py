"""MiMo's models behind a gateway with OpenAI's audio endpoints. Pure.

A gateway puts a prefix before the model ("xiaomi/mimo-v2.5-tts"), passes chat completions on
unchanged, and translates the audio endpoints into them. Source: GoModel docs, "Xiaomi MiMo", 2026.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.engines.mimo.speech_wire import build_speech as build_mimo_speech
from core.engines.mimo.speech_wire import preset_voices
from core.engines.wire.models import TTS_CLONE, TTS_DESIGN, find_mimo, swap_mimo
from core.models import Utterance, Voice

_LANGUAGES = frozenset({"zh", "en"})


def is_behind(model: str) -> bool:
    """Return whether `model` is a MiMo model behind a gateway: it gives no times."""
    return "/" in model and find_mimo(model) is not None


def pick_language(language: str | None) -> str | None:
    """Return the language to send to MiMo, None for those that it detects best by itself."""
    primary = (language or "").lower().split("-")[0]
    return primary if primary in _LANGUAGES else None


def pick_model(utterance: Utterance, model: str) -> str:
    """Return the model for the voice of `utterance`; `model` is that of the preset voices."""
    if utterance.description:
        return swap_mimo(model, TTS_DESIGN)
    return swap_mimo(model, TTS_CLONE) if utterance.sample is not None else model


def list_voices(model_id: str, own: str) -> tuple[Voice, ...]:
    """Return the preset voices of the MiMo model `model_id`, the voice `own` first."""
    voices = preset_voices(model_id)
    return tuple(sorted(voices, key=lambda voice: voice.voice_id != own))


def build_speech(
    utterance: Utterance, *, model: str, voice: str, response_format: str
) -> dict[str, Any]:
    """Return the request body that synthesizes `utterance`, with styles in MiMo's syntax.

    voice: default voice; ignored unless the model has it. response_format: "pcm" or "wav".
    Raises EngineRefused if a sample is not accepted.
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
