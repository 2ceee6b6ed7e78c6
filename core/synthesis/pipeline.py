"""How a text becomes speech: make it speakable, split it, synthesize the pieces in parallel, join.

Every piece that was paid for is stored before the next step (`core.synthesis.calls`).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Literal

from core import audio
from core.clock import CLOCK, Clock
from core.errors import EngineError
from core.interfaces import Synthesizer
from core.limits import AccountGate
from core.limits.budgets import Budgets
from core.locale import mark
from core.models import Audio, File, SavedVoice, Utterance
from core.store.work.results import Results
from core.synthesis.calls import SpeechCalls
from core.synthesis.progress import Put, SpeechReport
from core.synthesis.refusals import MAX_CHARS, NothingToSay, TextTooLong
from core.synthesis.speakable import make_speakable
from core.synthesis.styles import read_styles, split_style
from core.text.split import shorten, split_speech
from core.transcription.progress import OnProgress

#: Longest title, which players show for files.
MAX_TITLE_CHARS = 60

Format = Literal["ogg", "mp3", "flac", "wav", "aac"]
#: Called with each chunk of PCM and its sample rate.
OnAudio = Callable[[bytes, int], None]

PLAIN_ONLY = mark("The voices here have no styles, so the style was ignored.")


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """The voice, the style and the pace of speech."""

    #: A preset or saved voice; None = the engine's default.
    voice: str | SavedVoice | None = None
    #: Styles and direction as typed.
    style: str = ""
    #: A description of a voice to be designed, instead of `voice`.
    description: str = ""
    #: The pace of the speech, at the same pitch.
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class SynthesisResult:
    """Synthesized speech."""

    file: File
    #: A remark for the person, to be translated; empty if none.
    note: str = ""


class SynthesisPipeline:
    """Synthesizes texts with one engine."""

    def __init__(
        self, synthesizer: Synthesizer, results: Results, budgets: Budgets, clock: Clock = CLOCK
    ) -> None:
        self.synthesizer, self._clock = synthesizer, clock
        self._calls = SpeechCalls(synthesizer, results, budgets, clock)

    async def synthesize(
        self,
        text: str,
        voice_style: VoiceStyle,
        *,
        on_audio: OnAudio | None = None,
        on_progress: OnProgress | None = None,
        format: Format = "ogg",
    ) -> SynthesisResult:
        """Return `text` as a voice note. on_progress: called while a long one is synthesized.

        Raises UserError (NothingToSay, TextTooLong), EngineError.
        """
        file = await self.synthesize_dialogue(
            [(text, voice_style)], on_audio=on_audio, on_progress=on_progress, format=format
        )
        is_styled = bool(voice_style.style or read_styles(text).styles)
        is_ignored = is_styled and not self.synthesizer.limits.can_style
        return SynthesisResult(file, PLAIN_ONLY if is_ignored else "")

    async def synthesize_dialogue(
        self,
        lines: Sequence[tuple[str, VoiceStyle]],
        *,
        on_audio: OnAudio | None = None,
        on_progress: OnProgress | None = None,
        format: Format = "ogg",
    ) -> File:
        """Return lines of several speakers as one voice note, one after the other.

        Its pace is that of the first. Lines with nothing to say are skipped. Raises UserError
        (NothingToSay if all are, TextTooLong, OverBudget before the first call), EngineError.
        """
        # In a thread: making long Markdown speakable takes a while.
        utterances = await asyncio.to_thread(self._plan, lines)
        rate_hz = self.synthesizer.rate_hz
        encoder = audio.VoiceNoteEncoder(rate_hz, format=format, comment=self._credit)
        report = self._open_report(utterances, on_progress) if on_progress else None
        async with (
            self._calls.hold_all(utterances),
            aclosing(self._join(utterances, lines[0][1].speed, report)) as parts,
        ):
            async for pcm in parts:
                if on_audio and pcm:
                    on_audio(pcm, rate_hz)
                await encoder.feed(pcm)
        note = await encoder.finish()
        title = shorten(utterances[0].text, MAX_TITLE_CHARS)
        return File(f"speech.{format}", note.mime, note.data, note.duration_s, note.waveform, title)

    def _open_report(self, utterances: list[Utterance], on_progress: OnProgress) -> SpeechReport:
        rate_hz, texts = self.synthesizer.rate_hz, [utterance.text for utterance in utterances]
        report = SpeechReport(on_progress, texts, rate_hz, self.gate, self._clock)
        report.find_share = self._calls.find_share(report.total_s)
        return report

    @property
    def gate(self) -> AccountGate:
        """Limits the calls to the engine."""
        return self._calls.gate

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
        pcm = await self._synthesize_take(text, description, take)
        segment = audio.VoiceSegment.from_pcm(pcm, rate_hz)
        wav = segment.export(io.BytesIO(), format="wav").read()
        return Audio(wav, "audio/wav", segment.duration_seconds)

    async def _synthesize_take(self, text: str, description: str, take: str) -> bytes:
        utterance = Utterance(text, description=description)
        chunks: list[bytes] = []
        await self._calls.synthesize(utterance, lambda pcm: chunks.append(pcm or b""), take)
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
        chosen, direction = split_style(voice_style.style)
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

    async def _join(
        self, utterances: list[Utterance], speed: float, report: SpeechReport | None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the samples of all utterances, one after the other, at the wanted pace."""
        rate_hz = self.synthesizer.rate_hz
        joiner, tempo = audio.SeamJoiner(rate_hz), audio.TempoChanger(rate_hz, speed)
        async with aclosing(self._synthesize_all(utterances, report)) as chunks:
            async for chunk in chunks:
                yield tempo.feed(joiner.end_piece() if chunk is None else joiner.feed(chunk))
        yield tempo.finish()

    async def _synthesize_all(
        self, utterances: list[Utterance], report: SpeechReport | None
    ) -> AsyncGenerator[bytes | None, None]:
        """Yield the PCM of each in order, then None, while the next are being synthesized."""
        queues: list[asyncio.Queue[bytes | None]] = [asyncio.Queue() for _ in utterances]
        puts: list[Put] = [queue.put_nowait for queue in queues]
        if report:
            puts = [report.watch(number, put) for number, put in enumerate(puts)]
        on_wait = report.waiting.append if report else None
        tasks = [
            asyncio.create_task(self._calls.synthesize(utterance, put, on_wait=on_wait))
            for utterance, put in zip(utterances, puts, strict=True)
        ]
        chores = [report.start()] if report else []
        try:
            for number, queue in enumerate(queues):
                while (pcm := await queue.get()) is not None:
                    yield pcm
                await tasks[number]
                if report:
                    report.finish(str(number))
                yield None
        except EngineError:
            # Calls in progress are paid for: let them finish and be stored.
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        finally:
            for task in (*tasks, *chores):
                task.cancel()
            await asyncio.gather(*tasks, *chores, return_exceptions=True)
