"""What MiMo's three roles share: key, address, and the limits of an account.

The limits also hold behind a gateway. Sources: MiMo docs, "Rate Limit" and "Model", 2026.
"""

from __future__ import annotations

from typing import ClassVar

from core.config import Settings
from core.engines.mimo import chat_wire
from core.engines.mimo import transcription_wire as wire
from core.engines.wire.client import EngineClient
from core.engines.wire.role import HttpRole
from core.errors import ConfigError
from core.interfaces import AnswererLimits, SynthesizerLimits, TranscriberLimits

#: 100 calls and 10,000 tokens a minute per account. A second of audio is 6.25 tokens of
#: input and about 4.2 of output; a response has at most 2,000 of the latter.
ASR_LIMITS = TranscriberLimits(
    formats=("wav", "mp3"),
    max_bytes=wire.MAX_BYTES,
    max_piece_s=180.0,
    target_piece_s=45.0,
    concurrency=8,
    calls_per_minute=100,
    tokens_per_minute=10_000,
    tokens_per_call=20.0,
    tokens_per_s=6.25 + 4.2,
    can_vary=True,
)
TTS_LIMITS = SynthesizerLimits(
    max_chars=2000,
    concurrency=4,
    calls_per_minute=100,
    max_sample_bytes=wire.MAX_BYTES,
    can_design=True,
    can_style=True,
)
#: 100 calls and 10 million tokens a minute per account.
CHAT_LIMITS = AnswererLimits(
    formats=chat_wire.FORMATS,
    max_bytes=chat_wire.MAX_BYTES,
    can_fetch_urls=True,
    can_think=True,
    parameters=chat_wire.PARAMETERS,
    calls_per_minute=100,
    tokens_per_minute=10_000_000,
    tokens_per_call=2000.0,
    tokens_per_s=6.25,
    audio_tokens_per_s=6.25,
)


#: The domain of Xiaomi's own servers.
_CLOUD = ".xiaomimimo.com"


class MimoRole(HttpRole):
    """One role of MiMo's cloud, or of any server that speaks its dialect."""

    name = wire.NAME
    requires: ClassVar[str] = "MIMO_API_KEY"
    deadline_s: float = 30.0

    @property
    def processor(self) -> str:
        """MiMo's company, or the server that stands for its cloud."""
        host = self.shared.host
        return f"Xiaomi MiMo ({host})" if host.endswith(_CLOUD) else host

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
