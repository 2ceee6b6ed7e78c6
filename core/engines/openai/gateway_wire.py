"""MiMo's models behind a gateway: what of OpenAI's endpoints they take. Pure.

A gateway puts its own name before the model's ("xiaomi/mimo-v2.5-tts"), passes chat completions on
as they are, and turns the endpoints for sound into them. Source: GoModel docs, "Xiaomi MiMo", 2026.
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
    """Tell whether `model` is one of MiMo's that a gateway has named: it knows no times."""
    return "/" in model and find_mimo(model) is not None


def pick_language(language: str | None) -> str | None:
    """Return the language that MiMo may be told: it hears all others best untold."""
    primary = (language or "").lower().split("-")[0]
    return primary if primary in _LANGUAGES else None


def pick_speaker(utterance: Utterance, model: str) -> str:
    """Return the model that speaks `utterance`, where `model` has the preset voices."""
    if utterance.description:
        return swap_mimo(model, TTS_DESIGN)
    return swap_mimo(model, TTS_CLONE) if utterance.sample is not None else model


def list_voices(model_id: str, own: str) -> tuple[Voice, ...]:
    """Return the preset voices of MiMo's `model_id`; `own` comes first where it is one of them."""
    voices = preset_voices(model_id)
    return tuple(sorted(voices, key=lambda voice: voice.voice_id != own))


def build_speech(
    utterance: Utterance, *, model: str, voice: str, response_format: str
) -> dict[str, Any]:
    """Return the body that asks for the sound of `utterance`, styles and all as MiMo takes them.

    voice: where the utterance names none; left out unless it is one of the model's own.
    form: "pcm" or "wav". Raises EngineRefused if the service would not take a sample.
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
