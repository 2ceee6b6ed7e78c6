"""What the three roles of an OpenAI-style server have in common: address, key, connections."""

from __future__ import annotations

from typing import ClassVar

from core.config import Settings
from core.engines.openai import transcription_wire as wire
from core.engines.wire.client import EngineClient
from core.engines.wire.models import ModelChoice
from core.errors import ConfigError


class OpenAIRole:
    """One role of a server with OpenAI's endpoints: OpenAI itself, a gateway, or one at home.

    Where it is a gateway to MiMo, MiMo's models keep their abilities and their limits.
    """

    name = wire.NAME
    requires: ClassVar[str] = "OPENAI_BASE_URL"
    #: The setting that names the model of this role.
    model_setting: ClassVar[str]
    #: Deadline of a call, to which each role adds what the length of its input takes. It is
    #: generous, for a server at home is slow.
    deadline_s: float = 60.0

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        #: The connections, which all roles use.
        self.shared = shared or open_client(settings)
        self._choice = ModelChoice(getattr(settings, self.model_setting))

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is an address. A key is optional."""
        return bool(settings.openai_base_url)

    @property
    def model(self) -> str:
        """The model that the next call will use."""
        return self._choice.current

    async def close(self) -> None:
        """Close all connections, those of the other roles too."""
        await self.shared.close()


def open_client(settings: Settings) -> EngineClient:
    """Return the client of the configured server. Raises ConfigError if there is none."""
    if not settings.openai_base_url:
        raise ConfigError("OPENAI_BASE_URL is not set")
    key = (settings.secret("openai_api_key") or "").strip()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return EngineClient(settings.openai_base_url, headers, wire.read_error)
