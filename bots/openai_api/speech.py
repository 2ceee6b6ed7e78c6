"""POST /v1/audio/speech: a text becomes speech, sent while it is synthesized."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Literal

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from bots.openai_api.bodies import read_json
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.errors import refuse
from bots.openai_api.leniency import Leniency
from bots.openai_api.speech_request import BODY_BYTES, MEDIA_TYPES, OPENAI_VOICES, SpeechRequest
from bots.openai_api.stream import EVENTS, Done, Stream, begin, build_event, follow
from core import metrics
from core.audio.outgoing import RateConverter
from core.synthesis.pipeline import Format as FileFormat
from core.synthesis.pipeline import SynthesisResult, VoiceStyle

#: What clients take PCM for: it has no header that says so.
PCM_HZ = 24_000
#: Sizes that are not known when the header of a WAV is sent.
_UNKNOWN_BYTES = 0xFFFF_FFFF
#: Formats that are sent as files, when they are whole.
_FILES: dict[str, FileFormat] = {"mp3": "mp3", "opus": "ogg", "flac": "flac", "aac": "aac"}
_PART_BYTES = 65_536


class AudioDelta(BaseModel):
    """A streamed event: the next piece of the audio in base64."""

    type: Literal["speech.audio.delta"]
    audio: str


class AudioDone(BaseModel):
    """The last streamed event."""

    type: Literal["speech.audio.done"]


@dataclass(frozen=True, slots=True)
class SpeechRoute:
    """The route."""

    context: ApiContext

    async def create(self, request: Request) -> Response:
        """Read a text aloud."""
        key_name = request.state.key_name
        speech = await read_json(request, SpeechRequest, BODY_BYTES)
        leniency = request.state.leniency
        self.context.pick_model(speech.model, "synthesizer", leniency)
        speech = self._check(speech, leniency)
        is_file = speech.format in _FILES
        parts = (self._stream_file if is_file else self._stream_samples)(speech, key_name)
        is_events = speech.stream_format == "sse"
        started = await begin(_build_events(parts) if is_events else parts)
        media_type = EVENTS if is_events else MEDIA_TYPES[speech.format]
        return Stream(started, media_type, request.state.request_id)

    def _check(self, speech: SpeechRequest, leniency: Leniency) -> SpeechRequest:
        """Return what this engine can do of a request. Raises ApiError."""
        engine = self.context.synthesis.synthesizer
        if speech.instructions and not engine.limits.can_style:
            text = "instructions are not supported by this model: it speaks plainly"
            leniency.drop(text, "instructions")
            speech = speech.model_copy(update={"instructions": ""})
        voices = [voice.voice_id for voice in engine.voices()]
        # Without any voice the engine says what is missing.
        if voices and speech.voice.strip() not in ("", *voices, *OPENAI_VOICES):
            raise refuse(f"voice must be one of {', '.join(voices)}", "voice")
        return speech

    async def _stream_file(
        self, speech: SpeechRequest, key_name: str
    ) -> AsyncGenerator[bytes, None]:
        file_format = _FILES[speech.format]
        data = (await self._synthesize(speech, key_name, file_format)).file.data
        for start in range(0, len(data), _PART_BYTES):
            yield data[start : start + _PART_BYTES]

    async def _stream_samples(
        self, speech: SpeechRequest, key_name: str
    ) -> AsyncGenerator[bytes, None]:
        """Yield the samples as they come, after the header of a WAV if that is the format."""
        rate_hz = self.context.synthesis.synthesizer.rate_hz
        is_wav = speech.format == "wav"
        converter = RateConverter(rate_hz, rate_hz if is_wav else PCM_HZ)
        header = build_wav_header(rate_hz) if is_wav else b""
        parts = follow(partial(self._synthesize, speech, key_name, "wav"))
        async with aclosing(parts):
            async for part in parts:
                if not isinstance(part, Done):
                    yield header + converter.feed(part)
                    header = b""

    async def _synthesize(
        self,
        speech: SpeechRequest,
        key_name: str,
        file_format: FileFormat,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> SynthesisResult:
        has_begun = False

        def stream(pcm: bytes, rate_hz: int) -> None:
            nonlocal has_begun
            # A file is sent when it is whole: until then a second try repeats nothing.
            if on_audio:
                has_begun = True
                on_audio(pcm)

        voices = [voice.voice_id for voice in self.context.synthesis.synthesizer.voices()]
        voice = speech.voice.strip()
        voice_style = VoiceStyle(voice if voice in voices else None, speech.instructions.strip())
        synthesize = partial(
            self.context.synthesis.synthesize,
            speech.input,
            voice_style,
            on_audio=stream,
            format=file_format,
        )
        with metrics.measure() as meter:
            result = await retry_once(synthesize, lambda: has_begun)
        await self.context.keys.spend(key_name, meter.audio_s)
        return result


async def _build_events(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the same audio as events."""
    async with aclosing(parts):
        async for part in parts:
            audio = base64.b64encode(part).decode()
            yield build_event(AudioDelta(type="speech.audio.delta", audio=audio))
    yield build_event(AudioDone(type="speech.audio.done"))


def build_wav_header(rate_hz: int) -> bytes:
    """Return the header of a WAV, 16 bit mono, whose length is not known yet."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    data = struct.pack("<4sI", b"data", _UNKNOWN_BYTES)
    return struct.pack("<4sI4s", b"RIFF", _UNKNOWN_BYTES, b"WAVE") + form + data
