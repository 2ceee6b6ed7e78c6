"""Speech synthesis by OpenAI's endpoint, streamed where the server can."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any

import httpx
import structlog

from core.config import Settings
from core.engines.mimo.role import TTS_LIMITS
from core.engines.openai import OpenAIRole
from core.engines.openai import speech_wire as wire
from core.engines.openai.transcription_wire import read_error
from core.engines.wire.client import EngineClient, read_body, relay
from core.engines.wire.speech import read_wav
from core.errors import EngineBadReply, EngineRefused, ModelGone
from core.interfaces import SynthesizerLimits
from core.models import Utterance, Voice
from core.text.mimo_names import find_mimo

_PATH = "/audio/speech"
#: Time for each character of the text.
_PER_CHAR_S = 0.25
#: A sixth of a second.
_PART_BYTES = 8192

_log = structlog.get_logger()


class OpenAISynthesizer(OpenAIRole):
    """Synthesizes with preset voices, behind a gateway also with MiMo's described and cloned."""

    model_setting = "openai_tts_model"
    rate_hz = wire.RATE_HZ

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        super().__init__(settings, shared)
        plain = SynthesizerLimits(is_slow=True, can_style=wire.can_style(self.model))
        self.limits = TTS_LIMITS if find_mimo(self.model) else plain
        self._voice = settings.openai_tts_voice
        self._has_pcm = True

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices of OpenAI, or of MiMo; the one that is set for this server first."""
        model_id = find_mimo(self.model)
        if model_id is None:
            return wire.list_voices(self._voice)
        return wire.list_mimo_voices(model_id, self._voice)

    def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """Yield the samples of `utterance`: streamed, or from WAV where the server refuses that."""
        return self._choice.stream(partial(self._synthesize, utterance))

    async def _synthesize(self, utterance: Utterance, model: str) -> AsyncGenerator[bytes, None]:
        has_begun = False
        for response_format in ("pcm", "wav") if self._has_pcm else ("wav",):
            try:
                async with aclosing(self._stream(utterance, model, response_format)) as parts:
                    async for part in parts:
                        has_begun = True
                        # Had the text been at fault, WAV would have been refused as well.
                        self._has_pcm = response_format == "pcm"
                        yield part
                return
            except EngineRefused as error:
                if has_begun or response_format == "wav":
                    raise
                _log.debug("asking for WAV", error=str(error))
            except ModelGone as error:
                if wire.pick_model(utterance, model) == model:
                    raise
                # The gateway lacks only the model for this kind of voice; the presets' one stays.
                raise EngineRefused(str(error), reason="it only has preset voices") from None

    def _stream(
        self, utterance: Utterance, model: str, response_format: str
    ) -> AsyncGenerator[bytes, None]:
        build = wire.build_speech
        if find_mimo(model):
            build, model = wire.build_gateway_speech, wire.pick_model(utterance, model)
        body = build(utterance, model=model, voice=self._voice, response_format=response_format)
        deadline_s = self.deadline_s + len(utterance.text) * _PER_CHAR_S
        return relay(self._request(body, deadline_s))

    async def _request(
        self, body: dict[str, Any], deadline_s: float
    ) -> AsyncGenerator[bytes, None]:
        async with self.shared.open("POST", _PATH, deadline_s=deadline_s, json=body) as response:
            content_type = str(response.headers.get("content-type", ""))
            if wire.is_text(content_type):
                raise read_error(200, await read_body(response))
            wire.refuse_compressed(content_type)
            if body["response_format"] == "wav":
                yield read_wav(await read_body(response), rate_hz=self.rate_hz)
            else:
                async with aclosing(_read_samples(response)) as parts:
                    async for part in parts:
                        yield part


async def _read_samples(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield the samples of a stream that is nothing but samples."""
    has_audio = False
    async for part in response.aiter_raw(_PART_BYTES):
        if not has_audio and part.startswith(b"RIFF"):
            raise EngineRefused("WAV instead of PCM", reason="the format is not supported")
        if len(part) % 2:
            raise EngineBadReply("the audio ends within a sample")
        has_audio = True
        yield part
    if not has_audio:
        raise EngineBadReply("no audio")
