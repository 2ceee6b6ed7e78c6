"""Speech synthesis by MiMo: preset, described and cloned voices."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial

from core.config import Settings
from core.engines.mimo import speech_wire as wire
from core.engines.mimo.role import TTS_LIMITS, MimoRole
from core.engines.wire.client import EngineClient, is_event_stream, read_body, read_events, relay
from core.engines.wire.models import ModelChoice
from core.engines.wire.role import CHAT_PATH
from core.models import Utterance, Voice
from core.text.mimo_names import TTS, TTS_CLONE, TTS_DESIGN

#: Time for each character of the text.
_PER_CHAR_S = 0.15


class MimoSynthesizer(MimoRole):
    """Synthesizes with one model for preset voices, one for described and one for cloned ones."""

    model_setting = "mimo_tts_model"
    models = TTS
    limits = TTS_LIMITS
    rate_hz = wire.RATE_HZ
    #: Preset voices are streamed; the others come in one burst, streamed or not.
    can_stream: bool = True

    def __init__(self, settings: Settings, shared: EngineClient | None = None) -> None:
        super().__init__(settings, shared)
        self._designer = ModelChoice(TTS_DESIGN)
        self._cloner = ModelChoice(TTS_CLONE)

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices of the model."""
        return wire.preset_voices(self.model)

    def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """Yield the samples of `utterance`. A retired model is replaced before the first ones."""
        if utterance.description:
            choice = self._designer
        else:
            choice = self._choice if utterance.sample is None else self._cloner
        return choice.stream(partial(self._synthesize, utterance))

    def _synthesize(self, utterance: Utterance, model: str) -> AsyncGenerator[bytes, None]:
        is_streamed = self.can_stream and model not in (TTS_DESIGN, TTS_CLONE)
        body = wire.build_speech(utterance, model=model, is_streamed=is_streamed)
        deadline_s = self.deadline_s + len(utterance.text) * _PER_CHAR_S
        return relay(self._request(body, model, deadline_s))

    async def _request(
        self, body: dict[str, object], model: str, deadline_s: float
    ) -> AsyncGenerator[bytes, None]:
        async with self.shared.open(
            "POST", CHAT_PATH, deadline_s=deadline_s, json=body
        ) as response:
            if not is_event_stream(response):
                yield wire.read_speech(await read_body(response), model=model)
                return
            stream = wire.SpeechStream()
            async for data in read_events(response):
                stream, samples = wire.read_speech_event(data, stream, model=model)
                if samples:
                    yield samples
            wire.check_speech_end(stream)
