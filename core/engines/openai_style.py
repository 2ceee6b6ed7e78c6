"""Any server with OpenAI's audio endpoints: OpenAI itself, or one at home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import structlog

from core.config import Settings
from core.engines import openai_wire as wire
from core.engines.client import Client
from core.errors import ConfigError, EngineRefused
from core.interfaces import TranscriberLimits
from core.models import Audio, Transcript

_PATH = "/audio/transcriptions"

_log = structlog.get_logger()


class OpenAIStyle:
    """A server that takes files by form and answers with text, and with times if it can."""

    name = wire.NAME
    requires: ClassVar[str] = "OPENAI_BASE_URL"
    limits = TranscriberLimits(
        formats=("wav", "mp3"),
        max_bytes=wire.MAX_BYTES,
        max_piece_s=600.0,
        target_piece_s=60.0,
        concurrency=4,
    )
    #: A call may take this long, and twice its sound on top: a server at home is slow.
    deadline_s: float = 60.0

    def __init__(self, settings: Settings) -> None:
        if not settings.openai_base_url:
            raise ConfigError("OPENAI_BASE_URL is not set")
        key = (settings.secret("openai_api_key") or "").strip()
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = Client(settings.openai_base_url, headers, wire.read_error)
        self.model = settings.openai_asr_model
        self._has_segments = True

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is an address. A key is optional."""
        return bool(settings.openai_base_url)

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Transcript:
        """See Transcriber. Words with times first; a server that refuses these is asked without."""
        if self._has_segments:
            try:
                return await self._hear(audio, language, has_segments=True)
            except EngineRefused as error:
                _log.debug("asking without times", error=str(error))
        transcript = await self._hear(audio, language, has_segments=False)
        # Had the file itself been at fault, this would have failed as well.
        self._has_segments = False
        return transcript

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _hear(self, audio: Audio, language: str | None, *, has_segments: bool) -> Transcript:
        form = wire.build_transcription(
            audio, model=self.model, language=language, has_segments=has_segments
        )
        deadline_s = self.deadline_s + 2 * audio.duration_s
        body = await self._client.send("POST", _PATH, deadline_s=deadline_s, **form)
        transcript = wire.read_transcription(body, model=self.model)
        return replace(transcript, duration_s=audio.duration_s)
