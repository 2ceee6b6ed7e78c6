"""Transcription by MiMo's speech recognition models."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from core.engines.mimo import transcription_wire as wire
from core.engines.mimo.role import ASR_LIMITS, MimoRole
from core.interfaces import OnText
from core.models import Audio, Transcript
from core.text.mimo_names import ASR


class MimoTranscriber(MimoRole):
    """Transcribes one piece of a recording per call, streamed where somebody watches."""

    model_setting = "mimo_asr_model"
    models = ASR
    limits = ASR_LIMITS

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """Return the words in `audio`, without times. A retired model is replaced on the way."""
        wanted = {"language": language, "temperature": temperature}
        transcript = await self._choice.use(partial(self._transcribe, audio, wanted, on_text))
        return replace(transcript, duration_s=audio.duration_s)

    async def _transcribe(
        self,
        audio: Audio,
        wanted: dict[str, Any],
        on_text: OnText | None,
        model: str,
    ) -> Transcript:
        is_streamed = on_text is not None
        body = wire.build_transcription(audio, model=model, is_streamed=is_streamed, **wanted)
        read_json = partial(wire.read_response, model=model, kind="asr")
        deadline_s = self.deadline_s + audio.duration_s
        completion = await self._complete(body, deadline_s, read_json, on_text)
        return wire.make_transcript(completion, model=model)
