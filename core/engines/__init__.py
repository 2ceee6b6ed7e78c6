"""The engines that transcribe, answer and synthesize, and the choice among them."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from core.config import Settings
from core.errors import ConfigError

if TYPE_CHECKING:  # A bot connects before they are imported.
    from core.interfaces import Answerer, Synthesizer, Transcriber

#: This machine: it needs no key, its models are never retired, and it costs nothing.
OFFLINE = "offline"
#: Role -> name -> "module:Class", in the order in which "auto" looks for a configured one.
ENGINES: dict[str, dict[str, str]] = {
    "transcriber": {
        "mimo": "core.engines.mimo.transcriber:MimoTranscriber",
        "openai": "core.engines.openai.transcriber:OpenAITranscriber",
        OFFLINE: "core.engines.offline.transcriber:OfflineTranscriber",
    },
    "answerer": {
        "mimo": "core.engines.mimo.answerer:MimoAnswerer",
        "openai": "core.engines.openai.answerer:OpenAIAnswerer",
        OFFLINE: "core.engines.offline.answerer:OfflineAnswerer",
    },
    "synthesizer": {
        "mimo": "core.engines.mimo.synthesizer:MimoSynthesizer",
        "openai": "core.engines.openai.synthesizer:OpenAISynthesizer",
        OFFLINE: "core.engines.offline.synthesizer:OfflineSynthesizer",
    },
}


class _Engine(Protocol):
    """What every class in the table has, beside the contract of its role."""

    name: str
    #: The setting without which it is not configured.
    requires: ClassVar[str]
    #: What the roles of one engine share, such as connections; None if nothing.
    shared: Any

    def __init__(self, settings: Settings, shared: Any = None) -> None:
        """Take `shared` from another role of the engine; None = make it."""

    @classmethod
    def is_configured(cls, settings: Settings) -> bool: ...

    async def close(self) -> None: ...


class Engines:
    """The engines of this process, each built when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._built: dict[str, _Engine] = {}

    def transcriber(self) -> Transcriber:
        """Return the engine that settings name for this role, or the first configured one.

        Raises ConfigError if the name is unknown or the engine lacks a setting.
        """
        engine: Transcriber = self._build("transcriber")
        return engine

    def answerer(self) -> Answerer:
        """Return the engine that answers, chosen as `transcriber` is. Raises ConfigError."""
        engine: Answerer = self._build("answerer")
        return engine

    def synthesizer(self) -> Synthesizer:
        """Return the engine that synthesizes, chosen as `transcriber` is. Raises ConfigError."""
        engine: Synthesizer = self._build("synthesizer")
        return engine

    async def close(self) -> None:
        """Close all engines that were built. They are built anew if asked for again."""
        built, self._built = self._built, {}
        for engine in built.values():
            await engine.close()

    def _build(self, role: str) -> Any:
        if role not in self._built:
            engine = self._pick(role)
            siblings = (other for other in self._built.values() if other.name == engine.name)
            shared = next((other.shared for other in siblings), None)
            self._built[role] = engine(self._settings, shared)
        return self._built[role]

    def _pick(self, role: str) -> type[_Engine]:
        wanted = getattr(self._settings, role)
        if wanted == "auto":
            engines = map(partial(load_engine, role), ENGINES[role])
            return next(each for each in engines if each.is_configured(self._settings))
        if wanted not in ENGINES[role]:
            choices = ", ".join(ENGINES[role])
            raise ConfigError(f"{role.upper()} is {wanted!r}: choose auto, {choices}")
        engine = load_engine(role, wanted)
        if not engine.is_configured(self._settings):
            raise ConfigError(f"{role.upper()} is {wanted!r}, but {engine.requires} is not set")
        return engine


def load_engine(role: str, name: str) -> type[_Engine]:
    """Return the class of the engine `name` for `role`."""
    module, _, attribute = ENGINES[role][name].partition(":")
    engine: type[_Engine] = getattr(import_module(module), attribute)
    return engine
