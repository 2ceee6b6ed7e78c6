"""How a recording becomes a transcript: decode, cut, hear the pieces side by side, stitch.

Every piece that was paid for is kept before the next step, so that a job may run again from its
start at any moment and pays for nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace

from core import metrics
from core.audio import Media, Piece
from core.clock import CLOCK, Clock
from core.interfaces import Transcriber
from core.limits import AccountGate
from core.models import Audio, File, Segment, Transcript
from core.store.work.results import Results
from core.text.scripts import is_unspaced

OnText = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A transcript and the key under which it is kept."""

    key: str
    transcript: Transcript


class TranscriptionPipeline:
    """Hears recordings with one engine."""

    def __init__(
        self, media: Media, transcriber: Transcriber, results: Results, clock: Clock = CLOCK
    ) -> None:
        self._media = media
        self.transcriber = transcriber
        self._results = results
        #: What every call to the engine passes.
        self.gate = AccountGate(transcriber.name, transcriber.limits, clock=clock)

    async def warm_up(self) -> None:
        """Start what reads sound now instead of at the first recording."""
        # One: most bots never read two at once, and each takes 47 MB.
        await self._media.warm_up(1)

    async def convert(self, data: bytes) -> Audio:
        """Return a recording as WAV, 24 kHz mono. Raises BadAudio, TooLong."""
        return await self._media.convert(data, "wav", rate_hz=24_000)

    async def excerpt(self, data: bytes, start_s: float, end_s: float) -> File:
        """Return some seconds of a recording as a voice message. Raises BadAudio, TooLong."""
        cut = await self._media.excerpt(data, start_s, end_s)
        audio = cut.audio
        return File("excerpt.ogg", audio.mime, audio.data, audio.duration_s, cut.waveform)

    async def transcribe(
        self,
        data: bytes,
        *,
        language: str | None = None,
        hint_s: float | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> StoredTranscript:
        """Return what is said in `data`, in order, with start times.

        data: the file as it came; hint_s: its claimed length, not trusted.
        on_text: called with the text so far; temperature: see `Transcriber`.
        Raises UserError, EngineError.
        """
        sound = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
        engine = f"{self.transcriber.name}|{self.transcriber.model}"
        wanted = f"{language or 'auto'}{'' if temperature is None else f'|{temperature:g}'}"
        recording = PendingTranscript(f"{sound}|{engine}|{wanted}", language, on_text, temperature)
        key = recording.key("all")
        found = await self._results.find(key)
        if found is None:
            found = await self._hear_pieces(recording, data, hint_s)
            await self._results.save(key, found)
        return StoredTranscript(key, found)

    async def _hear_pieces(
        self, recording: PendingTranscript, data: bytes, hint_s: float | None
    ) -> Transcript:
        pieces = self._media.pieces(data, self.transcriber.limits, hint_s=hint_s)
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    await self._start(recording, piece)
                    if recording.has_failed:
                        break
            return await recording.finish()
        finally:
            await recording.abandon()

    async def _start(self, recording: PendingTranscript, piece: Piece) -> None:
        """Begin to hear `piece` as soon as there is a place for it."""
        key = recording.key(f"{piece.start_s:.3f}+{piece.audio.duration_s:.3f}")
        if not piece.has_speech:
            recording.put(piece, Transcript("", duration_s=piece.audio.duration_s))
        elif (found := await self._results.find(key)) is not None:
            recording.put(piece, found)
        else:
            # Waiting here holds the decoder back: no more pieces in memory than calls.
            await self.gate.take_slot()
            task = recording.add(self._hear(recording, piece, key))
            # Not by the task itself: one that is cancelled before its first step does nothing.
            task.add_done_callback(lambda _: self.gate.give_slot())

    async def _hear(self, recording: PendingTranscript, piece: Piece, key: str) -> None:
        engine, duration_s = self.transcriber, piece.audio.duration_s
        async with self.gate.call(duration_s, recording.key("all")):
            transcript = await engine.transcribe(
                piece.audio,
                language=recording.language,
                on_text=recording.listener(piece.index),
                temperature=recording.temperature,
            )
        metrics.ENGINE_AUDIO_SECONDS.labels(engine.name).inc(duration_s)
        await self._results.save(key, transcript, whole=recording.key("all"))
        recording.put(piece, transcript)


class PendingTranscript:
    """One recording on its way: the pieces that are being heard, and the text so far."""

    def __init__(
        self,
        base: str,
        language: str | None,
        on_text: OnText | None,
        temperature: float | None = None,
    ) -> None:
        self.language = language
        self.temperature = temperature
        self._base = base
        self._on_text = on_text
        self._done: dict[int, tuple[Piece, Transcript]] = {}
        self._partial: dict[int, str] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def key(self, piece: str) -> str:
        """Return the key under which the result of `piece` is kept."""
        return hashlib.sha256(f"{self._base}|{piece}".encode()).hexdigest()

    def add(self, transcription: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Let a piece be heard beside the others, and return the task that hears it."""
        self._tasks.append(asyncio.create_task(transcription))
        return self._tasks[-1]

    def put(self, piece: Piece, transcript: Transcript) -> None:
        """Note what a piece says."""
        self._done[piece.index] = (replace(piece, audio=replace(piece.audio, data=b"")), transcript)
        self._tell()

    def listener(self, index: int) -> OnText | None:
        """Return what an engine calls with the text so far of piece `index`."""
        if self._on_text is None:
            return None

        def listen(text: str) -> None:
            self._partial[index] = text
            self._tell()

        return listen

    @property
    def has_failed(self) -> bool:
        """True once a piece could not be heard: more would be paid for in vain."""
        return any(task.done() and task.exception() for task in self._tasks)

    async def finish(self) -> Transcript:
        """Wait for every piece, then stitch them in order.

        Those that are under way are let finish even when one has failed: they are paid for.
        """
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return stitch([self._done[index] for index in sorted(self._done)])

    async def abandon(self) -> None:
        """End what is still under way: the recording cannot be finished."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _tell(self) -> None:
        if self._on_text is None:
            return
        texts, index = [], 0
        while index in self._done:
            texts.append(self._done[index][1].text)
            index += 1
        texts.append(self._partial.get(index, ""))
        self._on_text(join_texts(texts))


def stitch(heard: list[tuple[Piece, Transcript]]) -> Transcript:
    """Join what the pieces say; times count from the start of the recording."""
    segments: list[Segment] = []
    for piece, part in heard:
        own = part.segments or (Segment(0.0, piece.audio.duration_s, part.text),)
        segments += [
            Segment(piece.start_s + s.start_s, piece.start_s + s.end_s, s.text.strip())
            for s in own
            if s.text.strip()
        ]
    return Transcript(
        text=join_texts([part.text for _, part in heard]),
        segments=tuple(segments),
        duration_s=sum(piece.audio.duration_s for piece, _ in heard),
        is_cut=any(part.is_cut for _, part in heard),
        is_rough=any(part.is_rough for _, part in heard),
        pauses=tuple(
            (piece.start_s + start_s, piece.start_s + end_s)
            for piece, _ in heard
            for start_s, end_s in piece.pauses
        ),
    )


def join_texts(texts: list[str]) -> str:
    """Join with a space, but not between two characters of a script that has none."""
    joined = ""
    for text in filter(None, (t.strip() for t in texts)):
        is_tight = joined and is_unspaced(joined[-1]) and is_unspaced(text[0])
        joined += text if not joined or is_tight else f" {text}"
    return joined
