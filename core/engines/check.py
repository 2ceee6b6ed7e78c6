"""What a service answers when it is asked for its models, for `hearsay doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.config import Settings
from core.engines import ENGINES, load_engine
from core.engines.wire.client import read_body
from core.engines.wire.models import read_models
from core.models import Question, Turn
from core.text.mimo_names import is_listed

_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """Whether a service lists the model of one role."""

    #: "transcriber", "answerer" or "synthesizer".
    role: str
    #: The environment variable that names the model.
    setting: str
    #: Ids of which one must be listed, the best first.
    wanted: tuple[str, ...]
    #: The best one that is listed, None if none is.
    found: str | None


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """The answer of a service, which can be reached and accepts the key."""

    models: tuple[ModelCheck, ...]
    #: Its clock as the Date header says it, empty if it does not.
    date: str


async def check_service(settings: Settings, name: str) -> ServiceCheck:
    """Return which models of the engine `name` are listed. Raises EngineError, ConfigError."""
    roles: dict[str, Any] = {role: load_engine(role, name) for role in ENGINES}
    client = roles["transcriber"].connect(settings)
    try:
        async with client.open("GET", "/models", deadline_s=_DEADLINE_S) as response:
            listed = read_models(await read_body(response))
            date = response.headers.get("date", "")
    finally:
        await client.close()
    models = []
    for role, kind in roles.items():
        wanted = kind.wanted_models(settings)
        found = next((model for model in wanted if is_listed(model, listed)), None)
        models.append(ModelCheck(role, kind.model_setting.upper(), wanted, found))
    return ServiceCheck(tuple(models), date)


async def try_answerer(settings: Settings, name: str) -> None:
    """Ask the engine `name` for a word, which costs a few tokens. Raises EngineError."""
    engine: Any = load_engine("answerer", name)(settings)
    try:
        await engine.answer(Question((Turn("user", "Say: yes"),), max_tokens=16))
    finally:
        await engine.close()
