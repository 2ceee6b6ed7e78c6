"""How a text becomes speech: make it speakable, split it, synthesize the pieces in parallel, join.

Every piece that was paid for is stored as FLAC before the next step, so that a job that runs again
pays for nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from core import audio, metrics
from core.clock import CLOCK, Clock
from core.errors import EngineBadReply, EngineError, UserError
from core.interfaces import Synthesizer
from core.limits import AccountGate
from core.locale import mark
from core.models import Audio, File, SavedVoice, Usage, Utterance
from core.stall import note_progress
from core.store.work.progress import Results
from core.synthesis.speakable import make_speakable
from core.synthesis.styles import read_styles
from core.text.split import shorten, split_speech

#: Longest text of one voice note: about six minutes.
MAX_CHARS = 5000
#: Longest title, which players show for files.
MAX_TITLE_CHARS = 60

Format = Literal["ogg", "mp3", "flac", "wav", "aac"]
#: Called with each chunk of PCM and its sample rate.
OnAudio = Callable[[bytes, int], None]

PLAIN_ONLY = mark("The voices here have no styles, so the style was ignored.")


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """The voice and the style of speech."""

    #: A preset or saved voice; None = the engine's default.
    voice: str | SavedVoice | None = None
    #: Styles and direction as typed.
    style: str = ""
    #: A description of a voice to be designed, instead of `voice`.
    description: str = ""


@dataclass(frozen=True, slots=True)
class SynthesisResult:
    """Synthesized speech."""

    file: File
    #: A remark for the person, to be translated; empty if none.
    note: str = ""


class TextTooLong(UserError):
    """The text exceeds MAX_CHARS; `start` is the part that fits."""

    user_text = "This text is too long to read aloud: the limit is {limit} characters."

    def __init__(self, start: str) -> None:
        super().__init__("", limit=MAX_CHARS)
        self.start = start


class NothingToSay(UserError):
    """The text has no word that can be spoken."""

    user_text = "There is nothing in this text that can be read aloud."


class SynthesisPipeline:
    """Synthesizes texts with one engine."""

    def __init__(self, synthesizer: Synthesizer, results: Results, clock: Clock = CLOCK) -> None:
        self.synthesizer = synthesizer
        self._results = results
        #: Limits the calls to the engine.
        self.gate = AccountGate(synthesizer.name, synthesizer.limits, "speech", clock)

    async def synthesize(
        self,
        text: str,
        voice_style: VoiceStyle,
        *,
        on_audio: OnAudio | None = None,
        format: Format = "ogg",
        speed: float = 1.0,
    ) -> SynthesisResult:
        """Return `text` as a voice note. speed: its pace, at the same pitch.

        Raises UserError (NothingToSay, TextTooLong), EngineError.
        """
        lines = [(text, voice_style)]
        file = await self.synthesize_dialogue(lines, on_audio=on_audio, format=format, speed=speed)
        is_styled = bool(voice_style.style or read_styles(text).styles)
        is_ignored = is_styled and not self.synthesizer.limits.can_style
        return SynthesisResult(file, PLAIN_ONLY if is_ignored else "")

    async def synthesize_dialogue(
        self,
        lines: Sequence[tuple[str, VoiceStyle]],
        *,
        on_audio: OnAudio | None = None,
        format: Format = "ogg",
        speed: float = 1.0,
    ) -> File:
        """Return lines of several speakers as one voice note, one after the other.

        Lines with nothing to say are skipped. Raises UserError (NothingToSay if all are,
        TextTooLong), EngineError.
        """
        # In a thread: making long Markdown speakable takes a while.
        utterances = await asyncio.to_thread(self._plan, lines)
        rate_hz = self.synthesizer.rate_hz
        encoder = audio.VoiceNoteEncoder(rate_hz, format=format, comment=self._credit)
        async with aclosing(self._join(utterances, speed)) as parts:
            async for pcm in parts:
                if on_audio and pcm:
                    on_audio(pcm, rate_hz)
                await encoder.feed(pcm)
        note = await encoder.finish()
        title = shorten(utterances[0].text, MAX_TITLE_CHARS)
        return File(f"speech.{format}", note.mime, note.data, note.duration_s, note.waveform, title)

    @property
    def _credit(self) -> str:
        return f"{self.synthesizer.name} {self.synthesizer.model}"

    async def preview(self, text: str, description: str, take: str) -> File:
        """Return a take of a designed voice; each take is synthesized only once."""
        rate_hz = self.synthesizer.rate_hz
        encoder = audio.VoiceNoteEncoder(rate_hz, comment=self._credit)
        await encoder.feed(await self._synthesize_take(text, description, take))
        note = await encoder.finish()
        return File(f"{take}.ogg", note.mime, note.data, note.duration_s, note.waveform)

    async def preview_sample(self, text: str, description: str, take: str) -> Audio:
        """Return a take as a WAV sample for a saved voice."""
        rate_hz = self.synthesizer.rate_hz
        segment = audio.VoiceSegment.from_pcm(
            await self._synthesize_take(text, description, take), rate_hz
        )
        return Audio(_write(segment, "wav"), "audio/wav", segment.duration_seconds)

    async def _synthesize_take(self, text: str, description: str, take: str) -> bytes:
        utterance = Utterance(text, description=description)
        chunks: list[bytes] = []
        await self._synthesize_one(utterance, lambda pcm: chunks.append(pcm or b""), take)
        return b"".join(chunks)

    def _plan(self, lines: Sequence[tuple[str, VoiceStyle]]) -> list[Utterance]:
        """Return the engine calls for all lines, in order."""
        can_style = self.synthesizer.limits.can_style
        texts = [make_speakable(read_styles(t).text, keeps_tags=can_style) for t, _ in lines]
        whole = " ".join(filter(None, texts))
        if not whole:
            raise NothingToSay
        if len(whole) > MAX_CHARS:
            raise TextTooLong(shorten(whole, MAX_CHARS))
        return [
            replace(self._build_utterance(typed, voice_style), text=piece)
            for text, (typed, voice_style) in zip(texts, lines, strict=True)
            for piece in split_speech(text, self.synthesizer.limits.max_chars)
        ]

    def _build_utterance(self, typed: str, voice_style: VoiceStyle) -> Utterance:
        """Return an utterance without text, with the styles of `typed` or else `voice_style`."""
        chosen, direction = _split_style(voice_style.style)
        can_style = self.synthesizer.limits.can_style
        voice = voice_style.voice
        return Utterance(
            text="",
            voice=voice if isinstance(voice, str) else None,
            styles=(read_styles(typed).styles or chosen) if can_style else (),
            direction=direction if can_style else "",
            description=voice_style.description,
            sample=voice.sample if isinstance(voice, SavedVoice) else None,
        )

    async def _join(self, utterances: list[Utterance], speed: float) -> AsyncGenerator[bytes, None]:
        """Yield the samples of all utterances, one after the other, at the wanted pace."""
        rate_hz = self.synthesizer.rate_hz
        joiner, tempo = audio.SeamJoiner(rate_hz), audio.TempoChanger(rate_hz, speed)
        async with aclosing(self._synthesize_all(utterances)) as chunks:
            async for chunk in chunks:
                yield tempo.feed(joiner.end_piece() if chunk is None else joiner.feed(chunk))
        yield tempo.finish()

    async def _synthesize_all(
        self, utterances: list[Utterance]
    ) -> AsyncGenerator[bytes | None, None]:
        """Yield the PCM of each in order, then None, while the next are being synthesized."""
        queues: list[asyncio.Queue[bytes | None]] = [asyncio.Queue() for _ in utterances]
        tasks = [
            asyncio.create_task(self._synthesize_one(utterance, queue.put_nowait))
            for utterance, queue in zip(utterances, queues, strict=True)
        ]
        try:
            for task, queue in zip(tasks, queues, strict=True):
                while (pcm := await queue.get()) is not None:
                    yield pcm
                await task
                yield None
        except EngineError:
            # Calls in progress are paid for: let them finish and be stored.
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _synthesize_one(
        self, utterance: Utterance, put: Callable[[bytes | None], None], take: str = ""
    ) -> None:
        """Put the PCM of one call, stored or from the engine, then None."""
        key = self._key(utterance, take)
        is_streamed = False

        def stream(pcm: bytes) -> None:
            nonlocal is_streamed
            is_streamed = True
            put(pcm)

        try:
            make = partial(self._call_engine, utterance, key, stream)
            pcm = await self._results.share(key, make)
            if not is_streamed:  # stored, or of a call that another one has begun
                put(pcm)
        finally:
            put(None)

    async def _call_engine(
        self, utterance: Utterance, key: str, stream: Callable[[bytes], None]
    ) -> bytes:
        """Return the stored PCM, or else that of a call, which is streamed as it comes."""
        engine, rate_hz = self.synthesizer, self.synthesizer.rate_hz
        if (kept := await self._results.find_audio(key)) is not None:
            note_progress()
            return await asyncio.to_thread(_unpack, kept, rate_hz)
        whole = bytearray()
        async with (
            self.gate.slot(),
            self.gate.call(0.0, key),
            aclosing(engine.synthesize(utterance)) as chunks,
        ):
            async for chunk in chunks:
                whole += chunk
                stream(chunk)
            if not whole:
                raise EngineBadReply("no audio")
        pcm = bytes(whole)
        packed = await asyncio.to_thread(_pack, pcm, rate_hz)
        cost = Usage(engine.name, engine.model, audio_s=len(pcm) / 2 / rate_hz)
        metrics.METER.get().audio_s += cost.audio_s
        await self._results.save_audio(key, packed, cost, utterance.sample)
        return pcm

    def _key(self, utterance: Utterance, take: str) -> str:
        sample = hashlib.sha256(utterance.sample.data).hexdigest() if utterance.sample else ""
        engine = self.synthesizer
        plain = replace(utterance, sample=None)
        return hashlib.sha256(
            f"{engine.name}|{engine.model}|{plain!r}|{sample}|{take}".encode()
        ).hexdigest()


def _split_style(style: str) -> tuple[tuple[str, ...], str]:
    """Return the styles in `style`, or else all of it as a direction in words."""
    filler = "a"
    read = read_styles(f"{style}{filler}")
    return (read.styles, "") if read.text == filler else ((), style)


def _write(segment: audio.VoiceSegment, format: str) -> bytes:
    out = io.BytesIO()
    segment.export(out, format=format)
    return out.getvalue()


def _pack(pcm: bytes, rate_hz: int) -> bytes:
    segment = audio.VoiceSegment.from_pcm(pcm, rate_hz)
    return _write(segment, "flac")


def _unpack(packed: bytes, rate_hz: int) -> bytes:
    pcm: bytes = audio.VoiceSegment.from_file(io.BytesIO(packed), rate_hz=rate_hz).raw_data
    return pcm
