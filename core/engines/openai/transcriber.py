"""Transcription by OpenAI's endpoint, with times where the server gives them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from core.config import Settings
from core.engines.mimo.role import ASR_LIMITS
from core.engines.mimo.transcription_wire import pick_language
from core.engines.openai import OpenAIRole
from core.engines.openai import transcription_wire as wire
from core.engines.wire.client import EngineClient
from core.errors import EngineRefused
from core.interfaces import OnText, TranscriberLimits
from core.models import Audio, Transcript
from core.text.mimo_names import find_mimo

_PATH = "/audio/transcriptions"
#: Limits of a server that does not publish any.
_LIMITS = TranscriberLimits(
    formats=("wav", "mp3"),
    max_bytes=wire.MAX_BYTES,
    max_piece_s=600.0,
    target_piece_s=60.0,
    concurrency=4,
    is_slow=True,
    can_vary=True,
)

_log = structlog.get_logger()


class OpenAITranscriber(OpenAIRole):
    """Sends files as forms and takes text back, never streamed."""

    model_setting = "openai_asr_model"

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        super().__init__(settings, shared)
        self.limits = ASR_LIMITS if find_mimo(self.model) else _LIMITS
        # A gateway to MiMo gives no times.
        self._has_segments = not ("/" in self.model and find_mimo(self.model))

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """Return the words in `audio`, with times unless the server refuses to give them."""
        if find_mimo(self.model):
            language = pick_language(language)
        wanted = {"language": language, "temperature": temperature}
        return await self._choice.use(partial(self._transcribe, audio, wanted))

    async def _transcribe(self, audio: Audio, wanted: dict[str, Any], model: str) -> Transcript:
        if self._has_segments:
            try:
                return await self._request(audio, wanted, model, has_segments=True)
            except EngineRefused as error:
                _log.debug("asking without times", error=str(error))
        transcript = await self._request(audio, wanted, model, has_segments=False)
        # Had the file itself been at fault, this would have failed as well.
        self._has_segments = False
        return transcript

    async def _request(
        self, audio: Audio, wanted: dict[str, Any], model: str, *, has_segments: bool
    ) -> Transcript:
        form = wire.build_transcription(audio, model=model, has_segments=has_segments, **wanted)
        deadline_s = self.deadline_s + 2 * audio.duration_s
        body = await self.shared.send("POST", _PATH, deadline_s=deadline_s, **form)
        transcript = wire.read_transcription(body, model=model)
        return replace(transcript, duration_s=audio.duration_s)
