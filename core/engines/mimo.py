"""Xiaomi MiMo: hears and speaks Chinese and English through chat completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar

from core.config import Settings
from core.engines import mimo_speech_wire as speech
from core.engines import mimo_wire as wire
from core.engines.client import Client, give, is_event_stream, read_body, read_events, relay
from core.engines.models import ASR, TTS, TTS_CLONE, TTS_DESIGN, ModelChoice
from core.engines.wire import clean
from core.errors import ConfigError, ModelGone
from core.interfaces import SynthesizerLimits, TranscriberLimits
from core.models import Audio, Transcript, Utterance, Voice

_PATH = "/chat/completions"
#: The list of models is a help, not worth a longer wait.
_LIST_S = 10.0
#: Time that a call may take for each character to be spoken.
_PER_CHAR_S = 0.15


class Mimo:
    """MiMo's cloud, or any server that speaks its dialect."""

    name = wire.NAME
    requires: ClassVar[str] = "MIMO_API_KEY"
    #: 100 calls and 10,000 tokens a minute per account. A second of sound is 6.25 tokens heard
    #: and about 4.2 written; of the latter one answer holds 2,000.
    limits = TranscriberLimits(
        formats=("wav", "mp3"),
        max_bytes=wire.MAX_BYTES,
        max_piece_s=180.0,
        target_piece_s=45.0,
        concurrency=8,
        calls_per_minute=100,
        tokens_per_minute=10_000,
        tokens_per_call=20.0,
        tokens_per_s=6.25 + 4.2,
    )
    speech_limits = SynthesizerLimits(
        max_chars=2000,
        concurrency=4,
        calls_per_minute=100,
        max_sample_bytes=wire.MAX_BYTES,
        can_design=True,
        can_style=True,
    )
    speech_rate_hz = speech.RATE_HZ
    #: A call may take this long, and the length of its sound on top.
    deadline_s: float = 30.0
    #: Preset voices are streamed; the others come in one burst, streamed or not.
    can_stream_speech: bool = True

    def __init__(self, settings: Settings) -> None:
        self._client = Client(settings.mimo_base_url, make_headers(settings), wire.read_error)
        self._asr = ModelChoice(settings.mimo_asr_model, ASR, self._list_models)
        self._tts = ModelChoice(settings.mimo_tts_model, TTS, self._list_models)
        self.model = self._asr.current
        self.speech_model = self._tts.current

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        """Tell whether there is a key."""
        return bool(settings.secret("mimo_api_key"))

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Transcript:
        """See Transcriber. A dead model of the registry is left for the next within the call."""
        while True:
            model = self.model = await self._asr.pick()
            body = wire.encode_transcription(
                audio, model=model, language=language, is_streamed=on_text is not None
            )
            deadline_s = audio.duration_s + self.deadline_s
            try:
                transcript = await self._hear(body, model, deadline_s, on_text)
            except ModelGone as error:
                self._leave(model, error)
            else:
                return replace(transcript, duration_s=audio.duration_s)

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices of the model that speaks."""
        return speech.voices_of(self.speech_model)

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """See Synthesizer. A dead model of the registry is left for the next within the call."""
        while True:
            model = await self._pick_speaker(utterance)
            is_streamed = self.can_stream_speech and model not in (TTS_DESIGN, TTS_CLONE)
            has_begun = False
            body = speech.build_speech(utterance, model=model, is_streamed=is_streamed)
            sound = self._speak(body, self.deadline_s + len(utterance.text) * _PER_CHAR_S)
            try:
                async with aclosing(relay(sound)) as parts:
                    async for part in parts:
                        has_begun = True
                        yield part
                return
            except ModelGone as error:
                if has_begun:
                    raise
                self._leave_speaker(model, error)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _leave(self, model: str, error: ModelGone) -> None:
        try:
            self._asr.leave(model, error)
        finally:
            self.model = self._asr.current

    async def _pick_speaker(self, utterance: Utterance) -> str:
        if utterance.description:
            return TTS_DESIGN
        if utterance.sample is not None:
            return TTS_CLONE
        self.speech_model = await self._tts.pick()
        return self.speech_model

    def _leave_speaker(self, model: str, error: ModelGone) -> None:
        if model in (TTS_DESIGN, TTS_CLONE):
            raise error
        try:
            self._tts.leave(model, error)
        finally:
            self.speech_model = self._tts.current

    async def _speak(self, body: dict[str, Any], deadline_s: float) -> AsyncGenerator[bytes, None]:
        model = str(body["model"])
        async with self._client.open("POST", _PATH, deadline_s=deadline_s, json=body) as response:
            if not is_event_stream(response):
                yield speech.read_speech(await read_body(response), model=model)
                return
            speaking = speech.Speaking()
            async for data in read_events(response):
                speaking, samples = speech.read_speech_event(data, speaking, model=model)
                if samples:
                    yield samples
            speech.read_speech_end(speaking)

    async def _hear(
        self,
        body: wire.Body,
        model: str,
        deadline_s: float,
        on_text: Callable[[str], None] | None,
    ) -> Transcript:
        parts = give(body)
        async with self._client.open(
            "POST", _PATH, deadline_s=deadline_s, content=parts, headers=body.headers
        ) as response:
            if on_text is None or not is_event_stream(response):
                return wire.read_transcription(await read_body(response), model=model)
            hearing = wire.Hearing()
            async for data in read_events(response):
                heard = wire.read_transcription_event(data, hearing, model=model)
                if heard.text != hearing.text:
                    on_text(clean(heard.text))
                hearing = heard
            return wire.read_transcription_end(hearing)

    async def _list_models(self) -> frozenset[str]:
        return wire.read_models(await self._client.send("GET", "/models", deadline_s=_LIST_S))


def make_headers(settings: Settings) -> dict[str, str]:
    """Return the header that carries the key. Raises ConfigError if there is none."""
    key = (settings.secret("mimo_api_key") or "").strip()
    if not key:
        raise ConfigError("MIMO_API_KEY is not set")
    if settings.mimo_auth_header == "authorization":
        return {"authorization": f"Bearer {key}"}
    return {"api-key": key}
