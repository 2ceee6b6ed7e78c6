"""POST /v1/audio/speech: a text becomes sound, heard while it is made."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from fastapi import Request
from fastapi.responses import Response

from bots.openai_api.body import read_json
from bots.openai_api.models import pick_model
from bots.openai_api.retry import try_again
from bots.openai_api.services import Services, read_key_name, read_request_id
from bots.openai_api.speech_request import MEDIA_TYPES, SpeechRequest, read_speech
from bots.openai_api.stream import EVENTS, Done, Stream, begin, build_event, follow
from core.audio.rate import RateConverter
from core.synthesis.pipeline import Format as FileFormat
from core.synthesis.pipeline import SynthesisResult, VoiceStyle

#: A text of the longest kind, each character of it escaped.
_BODY_BYTES = 256 * 1024
#: What clients take PCM for: it does not say so itself.
PCM_HZ = 24_000
#: Sizes that are not known when the head of a WAV is sent.
_UNKNOWN_BYTES = 0xFFFF_FFFF
#: Formats that are given on as files, when they are whole.
_FILES: dict[str, FileFormat] = {"mp3": "mp3", "opus": "ogg", "flac": "flac"}
_PART_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Speech:
    """The route."""

    services: Services

    async def create(self, request: Request) -> Response:
        """Say a text."""
        name = read_key_name(request)
        await self.services.budget.check_sound(name)
        engine = self.services.synthesis.synthesizer
        voices = [voice.voice_id for voice in engine.voices()]
        body = await read_json(request, _BODY_BYTES)
        order = read_speech(body, voices, can_style=engine.limits.can_style)
        pick_model(self.services, order.model, "speak")
        sound = await begin(self._give(order, name))
        media_type = EVENTS if order.is_events else MEDIA_TYPES[order.response_format]
        return Stream(sound, media_type, read_request_id(request))

    def _give(self, order: SpeechRequest, name: str) -> AsyncGenerator[bytes, None]:
        is_file = order.response_format in _FILES
        parts = self._give_file(order, name) if is_file else self._give_samples(order, name)
        return _tell(parts) if order.is_events else parts

    async def _give_file(self, order: SpeechRequest, name: str) -> AsyncGenerator[bytes, None]:
        data = (await self._say(order, name, _FILES[order.response_format])).file.data
        for start in range(0, len(data), _PART_BYTES):
            yield data[start : start + _PART_BYTES]

    async def _give_samples(self, order: SpeechRequest, name: str) -> AsyncGenerator[bytes, None]:
        """Yield the samples as they come, behind the head of a WAV if it is to be one."""
        rate_hz = self.services.synthesis.synthesizer.rate_hz
        is_wav = order.response_format == "wav"
        converter = RateConverter(rate_hz, rate_hz if is_wav else PCM_HZ)
        head = build_wav_head(rate_hz) if is_wav else b""
        parts = follow(partial(self._say, order, name, "wav"))
        async with aclosing(parts):
            async for part in parts:
                if not isinstance(part, Done):
                    yield head + converter.feed(part)
                    head = b""

    async def _say(
        self,
        order: SpeechRequest,
        name: str,
        format: FileFormat,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> SynthesisResult:
        has_begun = False

        def give(pcm: bytes, rate_hz: int) -> None:
            nonlocal has_begun
            has_begun = True
            if on_audio:
                on_audio(pcm)

        voice_style = VoiceStyle(order.voice, order.style)
        say = partial(
            self.services.synthesis.synthesize,
            order.text,
            voice_style,
            on_audio=give,
            format=format,
        )
        # A file is given on when it is whole: until then nothing would be heard twice.
        spoken = await try_again(say, lambda: has_begun and on_audio is not None)
        await self.services.budget.spend(name, spoken.file.duration_s or 0.0)
        return spoken


async def _tell(parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the same sound as events."""
    async with aclosing(parts):
        async for part in parts:
            audio = base64.b64encode(part).decode()
            yield build_event({"type": "speech.audio.delta", "audio": audio})
    yield build_event({"type": "speech.audio.done"})


def build_wav_head(rate_hz: int) -> bytes:
    """The head of a WAV, 16 bit and mono, whose length is not known yet."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    data = struct.pack("<4sI", b"data", _UNKNOWN_BYTES)
    return struct.pack("<4sI4s", b"RIFF", _UNKNOWN_BYTES, b"WAVE") + form + data
