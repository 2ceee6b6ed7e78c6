"""Who hears, thinks and speaks. A new engine is one file here and one line in this table."""

from __future__ import annotations

from importlib import import_module
from typing import ClassVar, Protocol

from core.config import Settings
from core.errors import ConfigError
from core.interfaces import Answerer, Synthesizer, Transcriber

#: The engine that is no service: it has no key, no model that ends, and costs nothing.
OFFLINE = "offline"
#: Name to "module:Class"; in the order in which "auto" asks who is configured.
ENGINES: dict[str, str] = {
    "mimo": "core.engines.mimo.engine:Mimo",
    "openai": "core.engines.openai.engine:OpenAIStyle",
    OFFLINE: "core.engines.offline.engine:Offline",
}


class _Engine(Transcriber, Answerer, Synthesizer, Protocol):
    """What the table's classes are: made from settings, and able to tell if these suffice."""

    requires: ClassVar[str]

    def __init__(self, settings: Settings) -> None: ...

    @classmethod
    def is_configured(cls, settings: Settings) -> bool: ...


class Engines:
    """The engines of this process, each built when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        #: One of each kind: it serves every role that picks it.
        self._built: dict[type[_Engine], _Engine] = {}

    def transcriber(self) -> Transcriber:
        """Return who hears: the engine that settings name, or the first that is configured.

        Raises ConfigError if the name is unknown or the engine lacks a setting.
        """
        return self._build("TRANSCRIBER", self._settings.transcriber)

    def synthesizer(self) -> Synthesizer:
        """Return who speaks, chosen as `transcriber` is. Raises ConfigError."""
        return self._build("SYNTHESIZER", self._settings.synthesizer)

    def answerer(self) -> Answerer:
        """Return who understands, chosen as `transcriber` is. Raises ConfigError."""
        return self._build("ANSWERER", self._settings.answerer)

    async def close(self) -> None:
        """Let go of what was built. It is built anew if asked for again."""
        built, self._built = self._built, {}
        for engine in built.values():
            await engine.close()

    def _build(self, setting: str, wanted: str) -> _Engine:
        kind = self._pick(setting, wanted)
        if kind not in self._built:
            self._built[kind] = kind(self._settings)
        return self._built[kind]

    def _pick(self, setting: str, name: str) -> type[_Engine]:
        if name == "auto":
            return next(e for e in map(_load, ENGINES) if e.is_configured(self._settings))
        if name not in ENGINES:
            raise ConfigError(f"{setting} is {name!r}: choose auto, {', '.join(ENGINES)}")
        engine = _load(name)
        if not engine.is_configured(self._settings):
            raise ConfigError(f"{setting} is {name!r}, but {engine.requires} is not set")
        return engine


def _load(name: str) -> type[_Engine]:
    module, _, attribute = ENGINES[name].partition(":")
    engine: type[_Engine] = getattr(import_module(module), attribute)
    return engine
