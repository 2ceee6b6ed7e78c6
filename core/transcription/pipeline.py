"""How a recording becomes a transcript: decode, cut, transcribe the pieces in parallel, stitch.

The transcript of every piece is stored before the next step, so that a job may run again from its
start at any moment and pays for nothing twice. That of the only piece is that of the recording.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import astuple, dataclass, field, replace
from functools import partial

from core import metrics
from core.audio import Media, Piece, read_chunks
from core.clock import CLOCK, Clock
from core.fair_line import FairSlots, FindPlace, Waiter
from core.interfaces import Recording, Transcriber
from core.limits import AccountGate
from core.limits.budgets import Budgets, Reservation
from core.limits.prices import measure
from core.models import Audio, Segment, Transcript, Usage
from core.requester import REQUESTER
from core.stall import note_progress
from core.store.work.results import Results
from core.text.scripts import join_texts
from core.transcription.options import NO_OPTIONS, StoredTranscript, TranscriptionOptions
from core.transcription.progress import OnProgress, Progress
from core.transcription.reports import LONG_S, LongReports, ProgressReport, RecordingsReport

Pieces = AsyncGenerator[Piece, None]
#: Hashing so much takes less time than the switch to another thread.
_SMALL_BYTES = 64 * 1024


class TranscriptionPipeline:
    """Transcribes recordings with one engine."""

    def __init__(
        self,
        media: Media,
        transcriber: Transcriber,
        results: Results,
        budgets: Budgets,
        clock: Clock = CLOCK,
    ) -> None:
        self._media = media
        #: Tells that a recording is being downloaded. Returns some seconds of one.
        self.expect, self.excerpt = media.expect, media.excerpt
        self.transcriber = transcriber
        self._results, self.budgets = results, budgets  # those of all pipelines
        #: Limits the calls to the engine.
        self.gate = AccountGate(transcriber.name, transcriber.limits, clock=clock)
        self._reports = LongReports(transcriber, budgets, clock)
        # With two, a piece is done soon enough, and half of them would be too many to leave free.
        count = transcriber.limits.concurrency - (transcriber.limits.concurrency > 2)
        self._piece_limits = replace(transcriber.limits, concurrency=count)
        #: Held by pieces of recordings that have several: others find a place, or get the next.
        self._piece_slots = FairSlots(count, self.gate.moving.wait)

    async def convert(
        self, recording: Recording, span_s: tuple[float, float] | None = None
    ) -> Audio:
        """Return a recording, or a part of it, as WAV, 24 kHz mono. Raises BadAudio, TooLong."""
        return await self._media.convert(recording, "wav", rate_hz=24_000, span_s=span_s)

    def report_jointly(self, show: OnProgress, lengths_s: dict[str, float]) -> RecordingsReport:
        """Return the report on several recordings, which the caller starts."""
        return self._reports.open_jointly(show, lengths_s, self.gate)

    async def transcribe(
        self,
        recording: Recording,
        *,
        language: str | None = None,
        hint_s: float | None = None,
        on_progress: OnProgress | None = None,
        options: TranscriptionOptions = NO_OPTIONS,
    ) -> StoredTranscript:
        """Return the transcript of a recording, with start times.

        hint_s: claimed length. on_progress: gets the text so far. Raises UserError, EngineError.
        """
        digest = hashlib.sha256()
        async for chunk in read_chunks(recording):
            is_small = len(chunk) <= _SMALL_BYTES
            digest.update(chunk) if is_small else await asyncio.to_thread(digest.update, chunk)
        engine = f"{REQUESTER.get().scope}|{self.transcriber.name}|{self.transcriber.model}"
        warmth = "" if options.temperature is None else f"|{options.temperature:g}"
        base_key = f"{digest.hexdigest()}|{engine}|{language or 'auto'}{warmth}"
        key = hashlib.sha256(f"{base_key}|all".encode()).hexdigest()
        if transcript := await self._results.find(key):
            note_progress()
            return StoredTranscript(key, transcript)
        pending = PendingTranscript(base_key, key, language, options, hint_s)
        make = partial(self._transcribe_pieces, pending, recording)
        # Whoever insists is not content with the silence that another one is about to get.
        turn = f"{key}|even silent" if options.even_silent else key
        return StoredTranscript(key, await self._results.share(turn, make, on_progress))

    async def _transcribe_pieces(
        self, pending: PendingTranscript, recording: Recording, on_progress: OnProgress | None
    ) -> Transcript:
        pending.on_progress = on_progress
        if self._results.paid_calls and (found := await self._results.find(pending.key)):
            return found
        on_wait, limits = partial(self._note_queued, pending), self._piece_limits
        pieces = self._media.pieces(recording, limits, hint_s=pending.hint_s, on_wait=on_wait)
        async with self.budgets.reserve() as pending.reservation:
            await self._finish_pieces(pending, pieces)
            transcript = stitch([pending.done[index] for index in sorted(pending.done)])
            # Nothing was paid for one of silence, and the engine may be asked about it yet.
            if not transcript.is_silent:
                # Several pieces have been booked themselves.
                is_booked = not any(piece.is_whole for piece, _ in pending.done.values())
                save = partial(self._results.save, pending.key, transcript, is_booked=is_booked)
                await pending.reservation.pay(save, is_last=True)
        return transcript

    async def _finish_pieces(self, pending: PendingTranscript, pieces: Pieces) -> None:
        tasks = pending.tasks
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    pending.count = piece.index + 1
                    if pending.report and not piece.index:
                        pending.report.begin(piece.recording_s or piece.audio.duration_s)
                    if (piece.recording_s or 0.0) >= LONG_S:
                        self._start_report(pending, piece.recording_s or 0.0)
                    await self._start_piece(pending, piece)
                    # If one has failed, more would be paid for in vain.
                    if any(task.done() and task.exception() for task in tasks):
                        break
            # Even then those under way may finish: they are paid for and will be stored.
            results = await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for task in (*tasks, *pending.chores):
                task.cancel()
            await asyncio.gather(*tasks, *pending.chores, return_exceptions=True)
        if error := next((one for one in results if isinstance(one, BaseException)), None):
            if pending.report:
                self._reports.interrupt(pending.key, pending.report)
            raise error

    def _note_queued(self, pending: PendingTranscript, find_place: FindPlace) -> None:
        """Show that the recordings of others are decoded first."""
        if pending.hint_s:
            self._start_report(pending, pending.hint_s)
        if pending.report:
            pending.report.find_place = find_place

    def _start_report(
        self, pending: PendingTranscript, total_s: float, waiter: Waiter | None = None
    ) -> None:
        """Show from now on how far a recording is, if it takes long. waiter: a call that waits."""
        if pending.on_progress and pending.report is None:
            shown = pending.on_progress
            pending.report = self._reports.open(pending.key, shown, total_s, self.gate)
            pending.chores.append(pending.report.start())
        if pending.report and waiter:
            pending.report.waiting.append(waiter)

    async def _start_piece(self, pending: PendingTranscript, piece: Piece) -> None:
        """Start to transcribe `piece` once a slot is free, if there is speech and no result yet."""
        person = REQUESTER.get().person
        key = f"{pending.base_key}|{piece.start_s:.3f}+{piece.audio.duration_s:.3f}"
        key = hashlib.sha256(key.encode()).hexdigest()
        if not (piece.has_speech or pending.options.even_silent):
            silence = Transcript("", duration_s=piece.audio.duration_s, is_silent=True)
            pending.update(piece, silence)
        elif not piece.is_whole and (transcript := await self._results.find(key)) is not None:
            pending.update(piece, transcript)
        else:
            await self._hold(pending, piece)
            if not piece.is_whole:
                await self._piece_slots.acquire(person, piece.audio.duration_s)
            task = asyncio.create_task(self._transcribe_piece(pending, piece, key))
            pending.tasks.append(task)
            if not piece.is_whole:
                # Not by the task itself: one that is cancelled before its first step does nothing.
                task.add_done_callback(lambda _: self._piece_slots.release(person))

    async def _hold(self, pending: PendingTranscript, piece: Piece) -> None:
        """Hold the cost of all of the recording before its first call; of what comes beyond the
        claimed length, that of each piece. Raises OverBudget, ConfirmationNeeded.
        """
        pending.called_s += piece.audio.duration_s
        if pending.called_s <= pending.covered_s:
            return
        whole_s = 0.0
        if not (piece.is_whole or pending.covered_s):
            whole_s = (piece.recording_s or 0.0) - await self._results.saved_s(pending.key)
        more_s = max(pending.called_s, whole_s) - pending.covered_s
        most = Usage(self.transcriber.name, self.transcriber.model, more_s)
        asks_first = pending.options.asks_first and not pending.covered_s and more_s >= LONG_S
        await pending.reservation.hold(measure(most, more_s), asks_first=asks_first)
        pending.covered_s += more_s

    async def _transcribe_piece(self, pending: PendingTranscript, piece: Piece, key: str) -> None:
        engine, duration_s = self.transcriber, piece.audio.duration_s
        sent = Usage(engine.name, engine.model, duration_s)
        on_wait = partial(self._start_report, pending, piece.recording_s or duration_s)
        async with self.gate.call(duration_s, pending.key, on_wait):
            if pending.report:
                pending.report.admitted_s += duration_s
            with pending.reservation.send(partial(measure, sent, duration_s)) as call:
                transcript = await engine.transcribe(
                    piece.audio,
                    language=pending.language,
                    on_text=pending.on_progress and partial(pending.update, piece),
                    temperature=pending.options.temperature,
                )
                # The service need not say how much audio it was.
                used = transcript.usage or sent
                used = replace(used, audio_s=used.audio_s or duration_s)
                call.cost = measure(used, duration_s)
            transcript = replace(transcript, usage=used)
        metrics.ENGINE_AUDIO_SECONDS.labels(engine.name).inc(duration_s)
        if not piece.is_whole:
            save = partial(self._results.save, key, transcript, pending.key)
            await pending.reservation.pay(save)
        pending.update(piece, transcript)


@dataclass
class PendingTranscript:
    """One recording while its pieces are being transcribed."""

    #: Identifies the recording, the engine and the options.
    base_key: str
    #: The transcript of the whole recording is stored under it.
    key: str
    language: str | None
    options: TranscriptionOptions
    #: Its claimed length.
    hint_s: float | None = None
    on_progress: OnProgress | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    #: Of a long recording, and the task that keeps it up to date.
    report: ProgressReport | None = None
    chores: list[asyncio.Task[None]] = field(default_factory=list)
    #: How many pieces there are as far as is known.
    count: int = 0
    #: By index; the pieces are without their audio.
    done: dict[int, tuple[Piece, Transcript]] = field(default_factory=dict)
    _texts: dict[int, str] = field(default_factory=dict)
    _done_s: float = 0.0
    reservation: Reservation = field(init=False)
    #: Audio that the engine gets, and how much of it the reservation covers.
    called_s: float = 0.0
    covered_s: float = 0.0

    def update(self, piece: Piece, result: str | Transcript) -> None:
        """Set the transcript or the text so far of `piece`, and show that of the recording.

        That is the text of all pieces up to the first one that is not done. Nothing is shown once
        all are done: the reply comes next, and would have to wait.
        """
        if isinstance(result, Transcript):
            piece = replace(piece, audio=replace(piece.audio, data=b""))
            self.done[piece.index] = (piece, result)
            self._done_s += piece.audio.duration_s
            result = result.text
        self._texts[piece.index] = result
        if self.on_progress is None or len(self.done) == self.count:
            return
        count = next(index for index in range(len(self.done) + 1) if index not in self.done)
        text = join_texts([self._texts.get(i, "") for i in range(count + 1)])
        if self.report:
            self.report.show(text, self._done_s)
        elif text:
            self.on_progress(Progress(text))


def stitch(parts: list[tuple[Piece, Transcript]]) -> Transcript:
    """Join the transcripts of all pieces, with times from the start of the recording."""
    segments = [
        Segment(piece.start_s + s.start_s, piece.start_s + s.end_s, s.text.strip())
        for piece, part in parts
        for s in part.segments or (Segment(0.0, piece.audio.duration_s, part.text),)
        if s.text.strip()
    ]
    costs = [astuple(part.usage) for _, part in parts if part.usage]
    return Transcript(
        text=join_texts([part.text for _, part in parts]),
        segments=tuple(segments),
        duration_s=sum(piece.audio.duration_s for piece, _ in parts),
        is_cut=any(part.is_cut for _, part in parts),
        is_rough=any(part.is_rough for _, part in parts),
        # Of one engine and model.
        usage=Usage(*costs[0][:2], *map(sum, [*zip(*costs, strict=True)][2:])) if costs else None,
        is_silent=all(part.is_silent for _, part in parts),
        pauses=tuple(
            (piece.start_s + start_s, piece.start_s + end_s)
            for piece, _ in parts
            for start_s, end_s in piece.pauses
        ),
    )
