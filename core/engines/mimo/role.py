"""Base class of MiMo's three roles."""

from __future__ import annotations

from typing import ClassVar

from core.config import Settings
from core.engines.mimo import transcription_wire as wire
from core.engines.wire.client import EngineClient
from core.engines.wire.role import HttpRole
from core.errors import ConfigError


class MimoRole(HttpRole):
    """One role of MiMo's cloud, or of any server that speaks its dialect."""

    name = wire.NAME
    requires: ClassVar[str] = "MIMO_API_KEY"
    deadline_s: float = 30.0

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Return whether there is a key."""
        return bool(settings.secret("mimo_api_key"))

    @staticmethod
    def connect(settings: Settings) -> EngineClient:
        """Return a client that sends the key. Raises ConfigError if there is none."""
        key = (settings.secret("mimo_api_key") or "").strip()
        if not key:
            raise ConfigError("MIMO_API_KEY is not set")
        is_bearer = settings.mimo_auth_header == "authorization"
        headers = {"authorization": f"Bearer {key}"} if is_bearer else {"api-key": key}
        return EngineClient(settings.mimo_base_url, headers, wire.read_error)
