"""How a text becomes sound: made speakable, split by sentence, spoken side by side, joined.

Every piece that was paid for is kept before the next step, as FLAC, so that a job may run again
from its start and neither pays for nor says anything twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Literal

from core import audio
from core.clock import CLOCK, Clock
from core.errors import EngineBadReply, EngineError, UserError
from core.interfaces import Synthesizer
from core.limits import AccountGate
from core.locale import mark
from core.models import Audio, File, SavedVoice, Usage, Utterance
from core.store.work.results import Results
from core.synthesis.speakable import make_speakable
from core.synthesis.styles import read_styles
from core.text.split import shorten, split_speech

#: Longest text that is spoken at once: about six minutes.
MAX_CHARS = 5000
#: What players show where it is too long for a voice message.
MAX_TITLE_CHARS = 60

Format = Literal["ogg", "mp3", "flac", "wav"]
#: Called with PCM as it comes, and its sample rate.
OnAudio = Callable[[bytes, int], None]

PLAIN_ONLY = mark("This engine performs no styles, so I speak plainly.")


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """With which voice and how something is said."""

    #: A preset voice, or a kept one; None = the engine's own choice.
    voice: str | SavedVoice | None = None
    #: Styles and direction as they were typed.
    style: str = ""


@dataclass(frozen=True, slots=True)
class SynthesisResult:
    """A text that was said."""

    file: File
    #: What the person should know of it: a text to be translated, empty if nothing.
    note: str = ""


class TextTooLong(UserError):
    """More than is spoken at once; `start` is what fits."""

    user_text = "This is too long to be said at once: the limit is {limit} characters."

    def __init__(self, start: str) -> None:
        super().__init__("", limit=MAX_CHARS)
        self.start = start


class NothingToSay(UserError):
    """No word in it can be spoken."""

    user_text = "There is nothing in it that I could say aloud."


class SynthesisPipeline:
    """Says texts with one engine."""

    def __init__(self, synthesizer: Synthesizer, results: Results, clock: Clock = CLOCK) -> None:
        self.synthesizer = synthesizer
        self._results = results
        #: What every call to the engine passes.
        self.gate = AccountGate(synthesizer.name, synthesizer.limits, "speech", clock)

    async def synthesize(
        self,
        text: str,
        voice_style: VoiceStyle,
        *,
        on_audio: OnAudio | None = None,
        format: Format = "ogg",
    ) -> SynthesisResult:
        """Return `text` as a voice note. format: "ogg", "mp3", "flac" or "wav".

        Raises UserError (nothing to say, TextTooLong), EngineError.
        """
        # A thread: long Markdown takes a while to be made speakable.
        utterances = await asyncio.to_thread(self._plan, text, voice_style)
        file = await self._say_utterances(utterances, on_audio, format)
        is_plain = not self.synthesizer.limits.can_style
        is_styled = bool(voice_style.style or read_styles(text).styles)
        return SynthesisResult(file, PLAIN_ONLY if is_plain and is_styled else "")

    async def synthesize_dialogue(
        self, lines: Sequence[tuple[str, VoiceStyle]], *, on_audio: OnAudio | None = None
    ) -> File:
        """Return lines of several speakers as one voice note, one after the other.

        Lines with nothing to say are passed over. Raises UserError (nothing to say in any,
        TextTooLong), EngineError.
        """
        utterances = await asyncio.to_thread(self._plan_dialogue, lines)
        return await self._say_utterances(utterances, on_audio, "ogg")

    async def _say_utterances(
        self, utterances: list[Utterance], on_audio: OnAudio | None, format: Format
    ) -> File:
        rate_hz = self.synthesizer.rate_hz
        encoder = audio.VoiceNoteEncoder(rate_hz, format=format, comment=self._credit)
        joiner = audio.SeamJoiner(rate_hz)
        async with aclosing(self._say_all(utterances)) as pieces:
            async for piece in pieces:
                sound = joiner.end_piece() if piece is None else joiner.feed(piece)
                if on_audio and sound:
                    on_audio(sound, rate_hz)
                await encoder.feed(sound)
        note = await encoder.finish()
        title = shorten(utterances[0].text, MAX_TITLE_CHARS)
        return File(f"speech.{format}", note.mime, note.data, note.duration_s, note.waveform, title)

    @property
    def _credit(self) -> str:
        return f"{self.synthesizer.name} {self.synthesizer.model}"

    async def preview(self, text: str, description: str, take: str) -> File:
        """Return a take of a voice that is given in words; the same take is made once."""
        rate_hz = self.synthesizer.rate_hz
        encoder = audio.VoiceNoteEncoder(rate_hz, comment=self._credit)
        await encoder.feed(await self._take(text, description, take))
        note = await encoder.finish()
        return File(f"{take}.ogg", note.mime, note.data, note.duration_s, note.waveform)

    async def preview_sample(self, text: str, description: str, take: str) -> Audio:
        """Return a take as the sample of a voice, WAV."""
        rate_hz = self.synthesizer.rate_hz
        segment = audio.VoiceSegment.from_pcm(await self._take(text, description, take), rate_hz)
        return Audio(_write(segment, "wav"), "audio/wav", segment.duration_seconds)

    async def _take(self, text: str, description: str, take: str) -> bytes:
        utterance = Utterance(text, description=description)
        chunks: list[bytes] = []
        await self._say_one(utterance, lambda sound: chunks.append(sound or b""), take)
        return b"".join(chunks)

    def _plan(self, text: str, voice_style: VoiceStyle) -> list[Utterance]:
        """Return the calls that say `text`."""
        limits = self.synthesizer.limits
        styled = read_styles(text)
        chosen, direction = _read_manner(voice_style.style)
        styles = styled.styles or chosen
        spoken = make_speakable(styled.text, keeps_tags=limits.can_style)
        if not spoken:
            raise NothingToSay
        if len(spoken) > MAX_CHARS:
            raise TextTooLong(shorten(spoken, MAX_CHARS))
        kept = voice_style.voice if isinstance(voice_style.voice, SavedVoice) else None
        first = Utterance(
            text="",
            voice=voice_style.voice if isinstance(voice_style.voice, str) else None,
            styles=styles if limits.can_style else (),
            direction=direction if limits.can_style else "",
            sample=kept.sample if kept else None,
        )
        pieces = split_speech(spoken, limits.max_chars)
        return [replace(first, text=piece) for piece in pieces]

    def _plan_dialogue(self, lines: Sequence[tuple[str, VoiceStyle]]) -> list[Utterance]:
        """Return the calls that say all lines, in order."""
        utterances: list[Utterance] = []
        for text, voice_style in lines:
            with suppress(NothingToSay):
                utterances += self._plan(text, voice_style)
        spoken = " ".join(utterance.text for utterance in utterances)
        if len(spoken) > MAX_CHARS:
            raise TextTooLong(shorten(spoken, MAX_CHARS))
        if not utterances:
            raise NothingToSay
        return utterances

    async def _say_all(self, utterances: list[Utterance]) -> AsyncGenerator[bytes | None, None]:
        """Yield the sound of all in order, None after each. The next ones are said meanwhile."""
        lines: list[asyncio.Queue[bytes | None]] = [asyncio.Queue() for _ in utterances]
        tasks = [
            asyncio.create_task(self._say_one(utterance, line.put_nowait))
            for utterance, line in zip(utterances, lines, strict=True)
        ]
        try:
            for task, line in zip(tasks, lines, strict=True):
                while (sound := await line.get()) is not None:
                    yield sound
                await task
                yield None
        except EngineError:
            # Those under way are paid for: let them be kept.
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _say_one(
        self, utterance: Utterance, put: Callable[[bytes | None], None], take: str = ""
    ) -> None:
        """Put the sound of one call, from what is kept or from the engine, then None."""
        key = self._key(utterance, take)
        try:
            if (kept := await self._results.find_sound(key)) is not None:
                put(await asyncio.to_thread(_unpack, kept, self.synthesizer.rate_hz))
                return
            await self.gate.take_slot()
            try:
                await self._call(utterance, key, put)
            finally:
                self.gate.give_slot()
        finally:
            put(None)

    async def _call(
        self, utterance: Utterance, key: str, put: Callable[[bytes | None], None]
    ) -> None:
        engine, rate_hz = self.synthesizer, self.synthesizer.rate_hz
        whole = bytearray()
        async with self.gate.call(0.0, key), aclosing(engine.synthesize(utterance)) as sound:
            async for chunk in sound:
                whole += chunk
                put(chunk)
            if not whole:
                raise EngineBadReply("no sound")
        packed = await asyncio.to_thread(_pack, bytes(whole), rate_hz)
        cost = Usage(engine.name, engine.model, audio_s=len(whole) / 2 / rate_hz)
        await self._results.save_sound(key, packed, cost, utterance.sample)

    def _key(self, utterance: Utterance, take: str) -> str:
        sample = hashlib.sha256(utterance.sample.data).hexdigest() if utterance.sample else ""
        engine = self.synthesizer
        plain = replace(utterance, sample=None)
        return hashlib.sha256(
            f"{engine.name}|{engine.model}|{plain!r}|{sample}|{take}".encode()
        ).hexdigest()


def _read_manner(style: str) -> tuple[tuple[str, ...], str]:
    """Return the styles in what was typed, or else the whole of it as direction in words."""
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
