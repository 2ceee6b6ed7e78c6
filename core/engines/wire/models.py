"""Model ids, and the choice of the model that a role uses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from typing import TypeVar

import structlog

from core.engines.wire.errors import read_json
from core.errors import EngineError, ModelGone

#: Value of a setting that leaves the choice to the lists below.
AUTO = "auto"
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

_Result = TypeVar("_Result")
_log = structlog.get_logger()


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


def read_models(body: bytes) -> frozenset[str]:
    """Return the ids that a service lists in its answer to GET /models. Raises EngineBadReply."""
    entries = read_json(body).get("data")
    if not isinstance(entries, list):
        return frozenset()
    return frozenset(
        e["id"] for e in entries if isinstance(e, dict) and isinstance(e.get("id"), str)
    )


def is_listed(name: str, models: Collection[str]) -> bool:
    """Return whether `name`, with or without the suffix for a large context, is in `models`."""
    return not {name, name.removesuffix(_LARGE)}.isdisjoint(models)


class ModelChoice:
    """The model of one role at one service, replaced when the service retires it.

    A name set by hand is replaced only by its announced successors: if it vanishes otherwise, the
    operator must know.
    """

    def __init__(
        self,
        wanted: str,
        preferred: tuple[str, ...] = (),
        list_models: Callable[[], Awaitable[Collection[str]]] | None = None,
    ) -> None:
        is_auto = wanted == AUTO and bool(preferred)
        #: The id that the next call will use.
        self.current = preferred[0] if is_auto else wanted
        self._preferred = preferred if is_auto else (wanted, *list_successors(wanted))
        self._list_models = list_models
        self._is_auto = self._is_list_due = is_auto
        self._retired: set[str] = set()
        #: What the service listed, empty while that is not known.
        self._listed: frozenset[str] = frozenset()
        self._lock = asyncio.Lock()

    async def pick(self) -> str:
        """Return the id to use. The first call asks the service for its list."""
        async with self._lock:
            if self._is_list_due:
                self._is_list_due = False
                self.current = await self._find_listed()
        return self.current

    async def use(self, attempt: Callable[[str], Awaitable[_Result]]) -> _Result:
        """Return the result of `attempt` with the first model that is not retired.

        Raises ModelGone if all are.
        """
        while True:
            model = await self.pick()
            try:
                return await attempt(model)
            except ModelGone as error:
                self.retire(model, error)

    async def stream(
        self, attempt: Callable[[str], AsyncGenerator[bytes, None]]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what `attempt` yields, as `use` does. A stream that has begun is not repeated."""
        while True:
            model, has_begun = await self.pick(), False
            try:
                async with aclosing(attempt(model)) as parts:
                    async for part in parts:
                        has_begun = True
                        yield part
                return
            except ModelGone as error:
                if has_begun:
                    raise
                self.retire(model, error)

    def retire(self, model: str, error: ModelGone) -> None:
        """Move on to the next model that the service lists, since it does not know `model`.

        Raises `error` if none is left. The next call then asks for the list again.
        """
        if model != self.current:
            return
        self._retired.add(model)
        remaining = [name for name in self._preferred if name not in self._retired]
        # A list may be wrong: models that are not in it come last.
        remaining.sort(key=lambda name: bool(self._listed) and not is_listed(name, self._listed))
        if not remaining:
            self._retired.clear()
            self.current = self._preferred[0]
            self._is_list_due = self._is_auto
            raise error
        _log.warning("model retired", model=model, next=remaining[0])
        self.current = remaining[0]

    async def _find_listed(self) -> str:
        assert self._list_models is not None  # as "auto" requires
        try:
            listed = await self._list_models()
        except EngineError as error:
            _log.info("list of models unavailable", error=str(error))
            return self.current
        self._listed = frozenset(listed)
        found = next((name for name in self._preferred if name in listed), self.current)
        if found != self.current:
            _log.warning("model retired", model=self.current, next=found)
        return found
