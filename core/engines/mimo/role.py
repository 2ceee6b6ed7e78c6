"""What MiMo's three roles have in common: key, connections, choice of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from core.config import Settings
from core.engines.mimo import transcription_wire as wire
from core.engines.wire.body import Body
from core.engines.wire.chat import ReadJson, Telling
from core.engines.wire.chat_stream import read_telling
from core.engines.wire.client import EngineClient, give
from core.engines.wire.models import ModelChoice
from core.errors import ConfigError

PATH = "/chat/completions"
#: The list of models is a help, not worth a longer wait.
_LIST_DEADLINE_S = 10.0


class MimoRole:
    """One role of MiMo's cloud, or of any server that speaks its dialect."""

    name = wire.NAME
    requires: ClassVar[str] = "MIMO_API_KEY"
    #: The setting that names the model of this role.
    model_setting: ClassVar[str]
    #: Models of this role, the best first.
    models: ClassVar[tuple[str, ...]]
    #: Deadline of a call, to which each role adds what the length of its input takes.
    deadline_s: float = 30.0

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        #: The connections, which all roles use.
        self.shared = shared or EngineClient(
            settings.mimo_base_url, make_headers(settings), wire.read_error
        )
        wanted = getattr(settings, self.model_setting)
        self._choice = ModelChoice(wanted, self.models, self._list_models)

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is a key."""
        return bool(settings.secret("mimo_api_key"))

    @property
    def model(self) -> str:
        """The model that the next call will use."""
        return self._choice.current

    async def close(self) -> None:
        """Close all connections, those of the other roles too."""
        await self.shared.close()

    async def _complete(
        self,
        body: Body,
        deadline_s: float,
        read_json: ReadJson,
        on_text: Callable[[str], None] | None,
    ) -> Telling:
        """Return the completion of the chat in `body`."""
        async with self.shared.open(
            "POST", PATH, deadline_s=deadline_s, content=give(body), headers=body.headers
        ) as response:
            return await read_telling(response, read_json, on_text)

    async def _list_models(self) -> frozenset[str]:
        body = await self.shared.send("GET", "/models", deadline_s=_LIST_DEADLINE_S)
        return wire.read_models(body)


def make_headers(settings: Settings) -> dict[str, str]:
    """Return the header that carries the key. Raises ConfigError if there is none."""
    key = (settings.secret("mimo_api_key") or "").strip()
    if not key:
        raise ConfigError("MIMO_API_KEY is not set")
    if settings.mimo_auth_header == "authorization":
        return {"authorization": f"Bearer {key}"}
    return {"api-key": key}
