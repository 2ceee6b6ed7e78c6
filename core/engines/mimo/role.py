"""What MiMo's three roles have in common: the key, and calls to chat completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from core.config import Settings
from core.engines.mimo import transcription_wire as wire
from core.engines.wire.body import Body
from core.engines.wire.chat import Completion, ReadJson
from core.engines.wire.chat_stream import read_telling
from core.engines.wire.client import EngineClient, stream_body
from core.engines.wire.role import HttpRole
from core.errors import ConfigError

#: All roles are chat completions.
PATH = "/chat/completions"


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
        """Return a client with the key in its headers. Raises ConfigError if there is none."""
        key = (settings.secret("mimo_api_key") or "").strip()
        if not key:
            raise ConfigError("MIMO_API_KEY is not set")
        is_bearer = settings.mimo_auth_header == "authorization"
        headers = {"authorization": f"Bearer {key}"} if is_bearer else {"api-key": key}
        return EngineClient(settings.mimo_base_url, headers, wire.read_error)

    async def _complete(
        self,
        body: Body,
        deadline_s: float,
        read_json: ReadJson,
        on_text: Callable[[str], None] | None,
    ) -> Completion:
        """Return the completion of the chat in `body`."""
        async with self.shared.open(
            "POST", PATH, deadline_s=deadline_s, content=stream_body(body), headers=body.headers
        ) as response:
            return await read_telling(response, read_json, on_text)
