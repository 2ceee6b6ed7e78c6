"""The models that are served, and what they may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bots.openai_api.errors import ApiError, refuse
from bots.openai_api.services import Services
from core.engines.wire.models import ASR, CHAT, TTS

Role = Literal["listen", "understand", "speak"]

#: OpenAI's names: programs that are not told otherwise ask for these.
ALIASES: dict[Role, tuple[str, ...]] = {
    "listen": ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe"),
    "understand": (
        *("gpt-4o-mini", "gpt-4o", "gpt-audio", "gpt-audio-mini"),
        *("gpt-4o-audio-preview", "gpt-4o-mini-audio-preview"),
    ),
    "speak": ("tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
}
#: MiMo's names, those that were retired included: another has taken their place.
_MIMO: dict[Role, tuple[str, ...]] = {"listen": ASR, "understand": CHAT, "speak": TTS}
#: Gateways put the provider before the name, and the wish for the large context behind it.
_PREFIX, _LARGE = "xiaomi/", "[1m]"
_PATHS: dict[Role, str] = {
    "listen": "/v1/audio/transcriptions",
    "understand": "/v1/chat/completions",
    "speak": "/v1/audio/speech",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A model that is served."""

    model_id: str
    role: Role
    #: The engine that has it.
    owner: str


def list_served(services: Services) -> list[Served]:
    """Return the models that the next calls will use."""
    hears, speaks = services.transcription.transcriber, services.synthesis.synthesizer
    understands = services.answering.answerer
    return [
        Served(hears.model, "listen", hears.name),
        Served(understands.model, "understand", understands.name),
        Served(speaks.model, "speak", speaks.name),
    ]


def pick_model(services: Services, wanted: str, role: Role) -> Served:
    """Return the model that is meant. Raises ApiError: 404 if nobody knows it, 400 elsewhere."""
    if not wanted:
        raise refuse("you must provide a model parameter", "model")
    found = [served for served in list_served(services) if _is_meant(wanted, served)]
    fitting = next((served for served in found if served.role == role), None)
    if fitting is None and found:
        path = _PATHS[found[0].role]
        raise refuse(f"The model {wanted!r} cannot do this: it is for {path}", "model")
    if fitting is None:
        raise _build_missing(wanted)
    return fitting


def find_model(services: Services, wanted: str) -> Served:
    """Return the model of that name. Raises ApiError 404."""
    for served in list_served(services):
        if _is_meant(wanted, served):
            return served
    raise _build_missing(wanted)


def build_model(served: Served, name: str = "") -> dict[str, Any]:
    """One entry of the list. When a model was made, nobody tells us."""
    return {
        "id": name or served.model_id,
        "object": "model",
        "created": 0,
        "owned_by": served.owner,
    }


def _build_missing(wanted: str) -> ApiError:
    text = f"The model {wanted[:100]!r} does not exist: see /v1/models"
    return ApiError(404, text, param="model", code="model_not_found")


def _is_meant(wanted: str, served: Served) -> bool:
    mimo = _MIMO[served.role] if served.owner == "mimo" else ()
    return _bare(wanted) in {_bare(served.model_id), *mimo, *ALIASES[served.role]}


def _bare(name: str) -> str:
    return name.strip().removeprefix(_PREFIX).removesuffix(_LARGE)
