"""Servers with OpenAI's endpoints: OpenAI itself, gateways, and those at home."""

from __future__ import annotations

from typing import ClassVar

from core.config import Settings
from core.engines.openai import transcription_wire as wire
from core.engines.wire.client import EngineClient
from core.engines.wire.role import HttpRole
from core.errors import ConfigError


class OpenAIRole(HttpRole):
    """One role of a server with OpenAI's endpoints.

    Where it is a gateway to MiMo, MiMo's models keep their abilities and their limits.
    """

    name = wire.NAME
    requires: ClassVar[str] = "OPENAI_BASE_URL"
    #: Generous, for a server at home is slow.
    deadline_s: float = 60.0

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Return whether there is an address. A key is optional."""
        return bool(settings.openai_base_url)

    @staticmethod
    def connect(settings: Settings) -> EngineClient:
        """Return a client of the configured server. Raises ConfigError if there is none."""
        if not settings.openai_base_url:
            raise ConfigError("OPENAI_BASE_URL is not set")
        key = (settings.secret("openai_api_key") or "").strip()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return EngineClient(settings.openai_base_url, headers, wire.read_error)
