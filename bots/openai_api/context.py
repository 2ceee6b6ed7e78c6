"""What every route works with: the pipelines, their models, the keys, and a second try."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import stamina
from pydantic import BaseModel

from bots.openai_api.access import ApiKeys
from bots.openai_api.errors import ApiError, refuse
from bots.openai_api.leniency import Leniency
from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.errors import EngineBusy
from core.synthesis.pipeline import SynthesisPipeline
from core.text.mimo_names import ASR, TTS, TTS_CLONE, TTS_DESIGN, list_chat_models
from core.transcription.pipeline import TranscriptionPipeline

Result = TypeVar("Result")
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
_MIMO: dict[Role, tuple[str, ...]] = {
    "transcriber": ASR,
    "answerer": list_chat_models(),
    "synthesizer": TTS,
}
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


class VoiceEntry(BaseModel):
    """A preset voice."""

    id: str
    name: str
    #: BCP 47, "mul" for several.
    language: str
    #: Empty if it is not known.
    gender: Literal["female", "male", ""]


class VoiceList(BaseModel):
    """All preset voices."""

    voices: list[VoiceEntry]


class AudioModelEntry(BaseModel):
    """A model that synthesizes."""

    id: str


class AudioModelList(BaseModel):
    """All names of models that synthesize."""

    models: list[AudioModelEntry]


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The pipelines that messages use too, and the keys."""

    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    keys: ApiKeys
    clock: Clock = CLOCK
    #: Whether what is not supported is ignored with a warning.
    is_lenient: bool = True
    #: Sites whose pages may use the API, "*" = all.
    cors_origins: tuple[str, ...] = ()
    #: Set while operators let no new work begin.
    paused: Event = field(default_factory=Event)

    def list_served(self) -> list[Served]:
        """Return the models that the next calls will use."""
        transcriber = self.transcription.transcriber
        answerer = self.answering.answerer
        synthesizer = self.synthesis.synthesizer
        return [
            Served(transcriber.model, "transcriber", transcriber.name),
            Served(answerer.model, "answerer", answerer.name),
            Served(synthesizer.model, "synthesizer", synthesizer.name),
        ]

    def find_models(self, name: str) -> list[Served]:
        """Return the models of that id or alias."""
        return [
            served
            for served in self.list_served()
            if _strip(name)
            in (_strip(served.model_id), *self._list_mimo(served), *ALIASES[served.role])
        ]

    def pick_model(
        self, name: str, role: Role | None = None, leniency: Leniency | None = None
    ) -> Served:
        """Return the model of that id or alias. role: what it must be for, None = anything.

        An unknown name stands for the model of the role if there is leniency.
        Raises ApiError: 404 if it is unknown, 400 if it is for another role.
        """
        found, bare = self.find_models(name), _strip(name)
        if not found and leniency and leniency.is_on and bare not in (TTS_CLONE, TTS_DESIGN):
            default = next(served for served in self.list_served() if served.role == role)
            leniency.note(f"{default.model_id} was used: the model {name.strip()!r} is unknown")
            return default
        if not found:
            text = f"The model {name[:100]!r} does not exist: see /v1/models"
            raise ApiError(404, text, param="model", code="model_not_found")
        fitting = next((served for served in found if role in (None, served.role)), None)
        if fitting is None:
            path = _PATHS[found[0].role]
            raise refuse(f"The model {name!r} cannot do this: it is for {path}", "model")
        return fitting

    def list_voices(self) -> list[VoiceEntry]:
        """Return the preset voices."""
        voices = self.synthesis.synthesizer.voices()
        return [
            VoiceEntry(id=v.voice_id, name=v.name, language=v.language, gender=v.gender)
            for v in voices
        ]

    def _list_mimo(self, served: Served) -> tuple[str, ...]:
        """Return MiMo's other names for a model, those of voices that can be made included."""
        limits = self.synthesis.synthesizer.limits
        made = served.role == "synthesizer" and limits.can_design
        names = _MIMO[served.role] if served.owner == "mimo" else ()
        return (*names, TTS_DESIGN, TTS_CLONE) if made else names


def _strip(name: str) -> str:
    return name.strip().removeprefix(_PREFIX).removesuffix(_LARGE)


async def retry_once(
    call: Callable[[], Awaitable[Result]], has_begun: Callable[[], bool] = lambda: False
) -> Result:
    """Return what `call` returns, trying once more if the engine could not be reached.

    Results that were paid for are stored, so the second try does the rest. An engine's refusal
    is for the program to judge, and so is a pause.
    has_begun: whether something was streamed already, which a second try would repeat.
    """

    def is_retryable(error: Exception) -> bool:
        if not isinstance(error, EngineBusy) or has_begun():
            return False
        return not error.status and error.retry_after_s is None

    retrying = stamina.retry_context(on=is_retryable, attempts=2, wait_initial=0.05, wait_max=0.2)
    async for attempt in retrying:
        with attempt:
            return await call()
    raise AssertionError("stamina raises the last error")
