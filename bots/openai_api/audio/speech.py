"""POST /v1/audio/speech: a text becomes speech, sent while it is synthesized."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from bots.openai_api.audio.speech_request import (
    BODY_BYTES,
    MEDIA_TYPES,
    OPENAI_VOICES,
    SpeechRequest,
)
from bots.openai_api.bodies import read_json
from bots.openai_api.context import ApiContext, retry_once
from bots.openai_api.errors import refuse
from bots.openai_api.leniency import Leniency
from bots.openai_api.stream import EVENTS, Done, Stream, begin, build_event, follow
from core.audio import VoiceNoteEncoder
from core.audio.outgoing import RateConverter, StreamEncoder
from core.audio.voice_note import build_tags
from core.models import File, SavedVoice
from core.requester import requester_of_key, work_for
from core.synthesis.pipeline import Format as FileFormat
from core.synthesis.pipeline import SynthesisResult, VoiceStyle
from core.synthesis.refusals import NothingToSay
from core.synthesis.voice_choice import pick_stand_in
from core.text.mimo_names import TTS_CLONE, TTS_DESIGN

#: What clients take PCM for: it has no header that says so.
PCM_HZ = 24_000
#: Sizes that are not known when the header of a WAV is sent.
_UNKNOWN_BYTES = 0xFFFF_FFFF
#: OpenAI's formats that are compressed, and their names as files.
_FILES: dict[str, FileFormat] = {"mp3": "mp3", "opus": "ogg", "flac": "flac", "aac": "aac"}
_PART_BYTES = 65_536
#: The first samples are encoded in short slices: the first sound leaves before the others follow.
#: So short a slice takes less time than the switch to another thread.
_SLICES, _SLICE_S, _SHORT_BYTES = 5, 0.04, 4096
#: What is sent for a text without words.
_SILENCE_S = 0.5
#: Synthesizes one request: as which file, and who gets the samples while they come.
Synthesize = Callable[[FileFormat, Callable[[bytes], None] | None], Awaitable[SynthesisResult]]


class AudioDelta(BaseModel):
    """A streamed event: the next piece of the audio in base64."""

    type: Literal["speech.audio.delta"]
    audio: str


class AudioDone(BaseModel):
    """The last streamed event."""

    type: Literal["speech.audio.done"]


class SampleWriter:
    """Writes samples as they are: as a WAV, or as PCM at the rate that clients take it for."""

    def __init__(self, rate_hz: int, *, is_wav: bool) -> None:
        self._head = build_wav_header(rate_hz) if is_wav else b""
        self._converter = RateConverter(rate_hz, rate_hz if is_wav else PCM_HZ)

    def feed(self, pcm: bytes) -> bytes:
        """Return what is to be sent for `pcm`."""
        head, self._head = self._head, b""
        return head + self._converter.feed(pcm)

    def finish(self) -> bytes:
        """Return nothing: there is no end to be written."""
        return b""


def cut_slices(pcm: bytes, rate_hz: int) -> list[bytes]:
    """Return the beginning of 16-bit samples in short slices, then the rest."""
    size = 2 * int(_SLICE_S * rate_hz)
    ends = [*range(size, len(pcm), size)][:_SLICES]
    return [pcm[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)]


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
        parts = await self.speak(speech, key_name, leniency)
        try:
            started = await begin(parts)
        except NothingToSay:
            if not leniency.is_on:
                raise
            # OpenAI answers with a breath; programs test a server with a single full stop.
            leniency.note("nothing in the text can be read aloud: the audio is silent")
            started = self._stream(speech, self._keep_silent)
        is_events = speech.stream_format == "sse"
        media_type = EVENTS if is_events else MEDIA_TYPES[speech.format]
        sent = _build_events(started) if is_events else started
        return Stream(sent, media_type, request.state.request_id)

    async def speak(
        self, speech: SpeechRequest, key_name: str, leniency: Leniency, *, is_whole: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Return the audio in parts. is_whole: it is made as a file, whose length is known.

        Raises ApiError if there is no such voice, and for what is not supported.
        """
        speech = self._check(speech, leniency)
        voice_style = await self._choose_voice(speech)
        synthesize = partial(self._synthesize, speech, voice_style, key_name)
        return self._stream(speech, synthesize, is_whole=is_whole)

    def _stream(
        self, speech: SpeechRequest, synthesize: Synthesize, *, is_whole: bool = False
    ) -> AsyncGenerator[bytes, None]:
        is_file = is_whole and speech.format != "pcm"
        return (self._stream_file if is_file else self._stream_samples)(speech, synthesize)

    def _check(self, speech: SpeechRequest, leniency: Leniency) -> SpeechRequest:
        """Return what this engine can do of a request. Raises ApiError."""
        engine = self.context.synthesis.synthesizer
        if speech.instructions and not engine.limits.can_style:
            text = "instructions are not supported by this model: it speaks plainly"
            leniency.drop(text, "instructions")
            speech = speech.model_copy(update={"instructions": ""})
        return speech

    async def _choose_voice(self, speech: SpeechRequest) -> VoiceStyle:
        """Return the voice: a preset, or one that is designed or cloned. Raises ApiError."""
        name, words = speech.voice.strip(), speech.instructions
        if speech.model_id == TTS_DESIGN:
            if not words:
                raise refuse("instructions must describe the voice", "instructions")
            return VoiceStyle(description=words)
        if speech.model_id == TTS_CLONE:
            sample = await self.context.transcription.convert(_read_sample(name))
            return VoiceStyle(SavedVoice("", "", sample), words)
        voices = self.context.synthesis.synthesizer.voices()
        known = [voice.voice_id for voice in voices]
        # Without any voice the engine says what is missing.
        if not voices or name in ("", *known):
            return VoiceStyle(name if name in known else None, words)
        if name not in OPENAI_VOICES:
            raise refuse(f"voice must be one of {', '.join(known)}", "voice")
        gender = OPENAI_VOICES[name]
        number = [n for n in OPENAI_VOICES if OPENAI_VOICES[n] == gender].index(name)
        found = pick_stand_in(voices, speech.input, gender, number)
        return VoiceStyle(found.voice_id if found else None, words)

    async def _stream_file(
        self, speech: SpeechRequest, synthesize: Synthesize
    ) -> AsyncGenerator[bytes, None]:
        data = (await synthesize(_FILES.get(speech.format, "wav"), None)).file.data
        for start in range(0, len(data), _PART_BYTES):
            yield data[start : start + _PART_BYTES]

    async def _stream_samples(
        self, speech: SpeechRequest, synthesize: Synthesize
    ) -> AsyncGenerator[bytes, None]:
        """Yield the audio as it is synthesized."""
        writer, is_first = self._open_writer(speech), True
        rate_hz = self.context.synthesis.synthesizer.rate_hz
        parts = follow(partial(synthesize, "wav"))
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Done):
                    break
                for one in cut_slices(part, rate_hz) if is_first else [part]:
                    # In a thread: a text that was synthesized before comes as a whole.
                    feed, is_short = partial(writer.feed, one), len(one) <= _SHORT_BYTES
                    if ready := feed() if is_short else await asyncio.to_thread(feed):
                        yield ready
                is_first = False
        if ready := await asyncio.to_thread(writer.finish):
            yield ready

    def _open_writer(self, speech: SpeechRequest) -> SampleWriter | StreamEncoder:
        engine = self.context.synthesis.synthesizer
        if file_format := _FILES.get(speech.format):
            tags = build_tags(f"{engine.name} {engine.model}")
            return StreamEncoder(engine.rate_hz, file_format, tags)
        return SampleWriter(engine.rate_hz, is_wav=speech.format == "wav")

    async def _synthesize(
        self,
        speech: SpeechRequest,
        voice_style: VoiceStyle,
        key_name: str,
        file_format: FileFormat,
        on_audio: Callable[[bytes], None] | None,
    ) -> SynthesisResult:
        has_begun = False

        def stream(pcm: bytes, rate_hz: int) -> None:
            nonlocal has_begun
            # A file is sent when it is whole: until then a second try repeats nothing.
            if on_audio:
                has_begun = True
                on_audio(pcm)

        synthesize = partial(
            self.context.synthesis.synthesize,
            speech.input,
            replace(voice_style, speed=speech.speed),
            on_audio=stream,
            format=file_format,
        )
        with work_for(requester_of_key(key_name)):
            return await retry_once(synthesize, lambda: has_begun)

    async def _keep_silent(
        self, file_format: FileFormat, on_audio: Callable[[bytes], None] | None
    ) -> SynthesisResult:
        """Return a moment of silence."""
        rate_hz = self.context.synthesis.synthesizer.rate_hz
        pcm = bytes(2 * int(rate_hz * _SILENCE_S))
        if on_audio:
            on_audio(pcm)
        encoder = VoiceNoteEncoder(rate_hz, format=file_format)
        await encoder.feed(pcm)
        note = await encoder.finish()
        return SynthesisResult(File("", note.mime, note.data, note.duration_s))


def _read_sample(data_url: str) -> bytes:
    """Return the recording of a voice to clone. Raises ApiError."""
    head, _, encoded = data_url.partition(",")
    try:
        if not head.lower().startswith("data:"):
            raise ValueError
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        text = "voice must be a recording of the voice as a data URL: data:audio/wav;base64,…"
        raise refuse(text, "voice") from None


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
