"""Base class of the roles of an engine behind HTTP: connections, model, chat completions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from core.config import Settings
from core.engines.wire.body import Body
from core.engines.wire.chat import Completion, ReadJson, read_completion, read_event
from core.engines.wire.client import (
    EngineClient,
    ReadError,
    is_event_stream,
    read_body,
    read_events,
    stream_body,
)
from core.engines.wire.models import AUTO, ModelChoice, read_models
from core.interfaces import OnText

CHAT_PATH = "/chat/completions"
#: The list of models is a help, not worth a longer wait.
_LIST_DEADLINE_S = 10.0


class HttpRole(ABC):
    """One role of one engine. The roles of an engine share its connections."""

    #: The setting that names the model of this role.
    model_setting: ClassVar[str]
    #: Models among which the setting "auto" chooses, the best first; empty = it cannot be "auto".
    models: ClassVar[tuple[str, ...]] = ()
    #: Deadline of a call, to which each role adds what the length of its input takes.
    deadline_s: float

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        self.shared = shared or self.connect(settings)
        wanted = getattr(settings, self.model_setting)
        self._choice = ModelChoice(wanted, self.models, self._list_models)

    @staticmethod
    @abstractmethod
    def connect(settings: Settings) -> EngineClient:
        """Return a client of the configured service. Raises ConfigError."""

    @classmethod
    def wanted_models(cls, settings: Settings) -> tuple[str, ...]:
        """Return the ids of which the service must list one, the best first."""
        wanted: str = getattr(settings, cls.model_setting)
        return cls.models if wanted == AUTO and cls.models else (wanted,)

    @property
    def processor(self) -> str:
        """The server that gets what is asked."""
        return self.shared.host

    @property
    def model(self) -> str:
        """The model that the next call will use."""
        return self._choice.current

    async def find_model(self) -> str:
        """Return the model that the next call will use; asks the service for its list."""
        return await self._choice.pick()

    async def close(self) -> None:
        """Close all connections, those of the engine's other roles too."""
        await self.shared.close()

    async def _complete(
        self,
        body: Body,
        deadline_s: float,
        read_json: ReadJson,
        on_text: OnText | None,
        read_error: ReadError | None = None,
    ) -> Completion:
        """Return the chat completion that `body` asks for; `read_end` judges its end.

        read_json: parses a response or chunk, and raises the error inside it.
        on_text: receives the text so far, never reasoning. None = the response is not streamed.
        """
        async with self.shared.open(
            "POST",
            CHAT_PATH,
            deadline_s=deadline_s,
            read_error=read_error,
            content=stream_body(body),
            headers=body.headers,
        ) as response:
            if on_text is None or not is_event_stream(response):
                return read_completion(read_json(await read_body(response)))
            completion = Completion()
            async for data in read_events(response):
                grown = read_event(data, completion, read_json)
                if grown.text != completion.text:
                    on_text(grown.text)
                completion = grown
            return completion

    async def _list_models(self) -> frozenset[str]:
        return read_models(await self.shared.send("GET", "/models", deadline_s=_LIST_DEADLINE_S))
