"""The choice of the model that a role uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from typing import TypeVar

import structlog

from core.engines.wire.errors import read_json
from core.errors import EngineError, ModelGone
from core.text.mimo_names import is_listed, list_successors

#: Value of a setting that leaves the choice to the lists below.
AUTO = "auto"
_Result = TypeVar("_Result")
_log = structlog.get_logger()


def read_models(body: bytes) -> frozenset[str]:
    """Return the ids that a service lists in its answer to GET /models. Raises EngineBadReply."""
    entries = read_json(body).get("data")
    if not isinstance(entries, list):
        return frozenset()
    return frozenset(
        e["id"] for e in entries if isinstance(e, dict) and isinstance(e.get("id"), str)
    )


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
