"""Names of MiMo's models: those of each role, how gateways write them, and who succeeds whom."""

from __future__ import annotations

import re
from collections.abc import Collection

#: MiMo's models for transcription, the best first.
ASR = ("mimo-v2.5-asr",)
#: MiMo's models for chat, the best first.
CHAT = ("mimo-v2.6-flash", "mimo-v2.5", "mimo-v2-omni")
#: MiMo's models for speech with a preset voice, the best first.
TTS = ("mimo-v2.5-tts", "mimo-v2-tts")
#: MiMo's models that design a voice from a description and clone one from a recording.
TTS_DESIGN = "mimo-v2.5-tts-voicedesign"
TTS_CLONE = "mimo-v2.5-tts-voiceclone"

#: MiMo models with an announced retirement, and their replacements.
#: Source: MiMo docs, "Model Deprecation", October 2026.
_SUCCESSORS = {
    "mimo-v2-flash": "mimo-v2.5",
    "mimo-v2-omni": "mimo-v2.5",
    "mimo-v2-pro": "mimo-v2.5-pro",
    "mimo-v2-tts": "mimo-v2.5-tts",
    "mimo-v2.5": "mimo-v2.6-flash",
    "mimo-v2.5-pro": "mimo-v2.6-pro",
}
#: Suffix of an id: the same model with its large context, for services that list both.
_LARGE = "[1m]"
_MIMO = re.compile(r"(?P<prefix>(?:[\w.-]+/)*)(?P<id>mimo-v\d[\w.-]*)(?P<suffix>(?:\[1m\])?)")


def find_mimo(name: str) -> str | None:
    """Return the id of the MiMo model in a name such as "xiaomi/mimo-v2.6-pro[1m]".

    Gateways put a prefix before it. None if it is not a MiMo model.
    """
    found = _MIMO.fullmatch(name)
    return found["id"] if found else None


def swap_mimo(name: str, model_id: str) -> str:
    """Return the name of another MiMo model with the gateway's prefix from `name`."""
    found = _MIMO.fullmatch(name)
    return f"{found['prefix']}{model_id}" if found else model_id


def list_successors(name: str) -> tuple[str, ...]:
    """Return the names to try in turn once the model `name` is retired."""
    found = _MIMO.fullmatch(name)
    names: list[str] = []
    model_id = found["id"] if found else ""
    while found and model_id in _SUCCESSORS:
        model_id = _SUCCESSORS[model_id]
        names.append(f"{found['prefix']}{model_id}{found['suffix']}")
    return tuple(names)


def list_chat_models() -> tuple[str, ...]:
    """Return MiMo's names of chat models, retired ones included."""
    names = (*CHAT, *_SUCCESSORS, *_SUCCESSORS.values())
    return tuple(dict.fromkeys(name for name in names if "tts" not in name))


def is_listed(name: str, models: Collection[str]) -> bool:
    """Return whether `name`, with or without the suffix for a large context, is in `models`."""
    return not {name, name.removesuffix(_LARGE)}.isdisjoint(models)
