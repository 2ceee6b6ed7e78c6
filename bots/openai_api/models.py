"""The models that are served, and their aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from bots.openai_api.context import ApiContext
from bots.openai_api.errors import ApiError, refuse
from core.engines.wire.models import ASR, CHAT, TTS

Role = Literal["transcriber", "answerer", "synthesizer"]

#: OpenAI's names: programs ask for these unless configured otherwise.
ALIASES: dict[Role, tuple[str, ...]] = {
    "transcriber": ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe"),
    "answerer": (
        *("gpt-4o-mini", "gpt-4o", "gpt-audio", "gpt-audio-mini"),
        *("gpt-4o-audio-preview", "gpt-4o-mini-audio-preview"),
    ),
    "synthesizer": ("tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
}
#: MiMo's names, including retired ones, which another model has replaced.
_MIMO: dict[Role, tuple[str, ...]] = {"transcriber": ASR, "answerer": CHAT, "synthesizer": TTS}
#: Gateways put the provider before the name and the large context behind it.
_PREFIX, _LARGE = "xiaomi/", "[1m]"
_PATHS: dict[Role, str] = {
    "transcriber": "/v1/audio/transcriptions",
    "answerer": "/v1/chat/completions",
    "synthesizer": "/v1/audio/speech",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A model that is served."""

    model_id: str
    role: Role
    #: The engine that has it.
    owner: str


class ModelEntry(BaseModel):
    """A model. When it was made is not known."""

    id: str
    object: Literal["model"] = "model"
    created: Literal[0] = 0
    owned_by: str


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


def list_served(context: ApiContext) -> list[Served]:
    """Return the models that the next calls will use."""
    transcriber = context.transcription.transcriber
    answerer = context.answering.answerer
    synthesizer = context.synthesis.synthesizer
    return [
        Served(transcriber.model, "transcriber", transcriber.name),
        Served(answerer.model, "answerer", answerer.name),
        Served(synthesizer.model, "synthesizer", synthesizer.name),
    ]


def pick_model(context: ApiContext, name: str, role: Role) -> Served:
    """Return the model for a role. Raises ApiError: 404 if unknown, 400 if for another role."""
    found = [served for served in list_served(context) if _matches(name, served)]
    fitting = next((served for served in found if served.role == role), None)
    if fitting is None and found:
        path = _PATHS[found[0].role]
        raise refuse(f"The model {name!r} cannot do this: it is for {path}", "model")
    return fitting or find_model(context, name)


def find_model(context: ApiContext, name: str) -> Served:
    """Return the model of that name or alias. Raises ApiError 404."""
    for served in list_served(context):
        if _matches(name, served):
            return served
    text = f"The model {name[:100]!r} does not exist: see /v1/models"
    raise ApiError(404, text, param="model", code="model_not_found")


def build_model(served: Served, name: str = "") -> ModelEntry:
    """Return the entry of a model, under the name that was asked for."""
    return ModelEntry(id=name or served.model_id, owned_by=served.owner)


def _matches(name: str, served: Served) -> bool:
    mimo = _MIMO[served.role] if served.owner == "mimo" else ()
    return _bare(name) in {_bare(served.model_id), *mimo, *ALIASES[served.role]}


def _bare(name: str) -> str:
    return name.strip().removeprefix(_PREFIX).removesuffix(_LARGE)
