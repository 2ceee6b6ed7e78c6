"""Media from people, decoded in worker processes to audio that engines accept."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

from core.audio import refusals
from core.audio.frames import (
    BYTES_PER_S,
    MIMES,
    OVERHEAD_BYTES,
    Piece,
    PieceReader,
    read_converted,
    read_prepared,
)
from core.audio.read_ahead import ReadAhead
from core.errors import BadAudio, TooLong, UserError
from core.fair_line import FairSlots, OnQueued
from core.interfaces import (
    PIECE_BYTES,
    AnswererLimits,
    GrowingRecording,
    Recording,
    TranscriberLimits,
)
from core.models import Audio, File
from core.requester import REQUESTER
from core.stall import uncounted
from core.worker_process import Frame, WorkerDied, WorkerRefused, WorkerStalled
from core.worker_process.pool import WorkerPool

Format = Literal["wav", "mp3", "ogg"]

#: A piece is held in the worker's memory as a whole.
_LONGEST_PIECE_S = 180.0
_STALL_S = 30.0
#: Above either of these a recording counts as long, also if only decoding it shows that.
_LONG_S, _LONG_BYTES = 120.0, 2**20
#: Of a recording whose length nobody claims, by which people take turns: about 32 kbit/s.
_USUAL_BYTES_PER_S = 4000
#: A worker takes 18 MB, and starts while a recording is downloaded.
_IDLE_S = 30.0
#: What a worker needs beside the file.
_WORKER_BYTES = 384 * 2**20
#: Conversion happens in memory.
_LONGEST_CONVERSION_S = 1800.0
_LONGEST_EXCERPT_S = 60.0


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Limits of a file and of the resources for decoding it."""

    max_bytes: int = 128_000_000
    max_s: float = 7200.0
    #: Address space of a worker, the file included.
    memory_bytes: int = 512 * 2**20
    #: CPU time per file; ordinary files need a tenth of it.
    cpu_s: float = 30.0
    cpu_s_per_megabyte: float = 4.0


def limit_files(max_bytes: int) -> MediaLimits:
    """Return the limits for files of up to `max_bytes`, which a worker holds once."""
    return MediaLimits(max_bytes, memory_bytes=max_bytes + _WORKER_BYTES)


class Media:
    """Decodes people's media in worker processes. One instance per program.

    workers: files that are decoded at once; all but one of them may be long.
    begin: returns an empty recording, to store pieces that are decoded before they are taken.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        limits: MediaLimits | None = None,
        begin: Callable[[], GrowingRecording] | None = None,
    ) -> None:
        self._limits = limits or MediaLimits()
        size = workers or 2
        memory = str(self._limits.memory_bytes)
        #: Held while a recording is decoded, which has limits of its own; long ones leave one free.
        self._decoders = FairSlots(size, uncounted, most_long=max(1, size - 1))
        self._ahead = ReadAhead(self._decoders, begin)
        self._pool = WorkerPool("core.audio.worker", size=size, arguments=(memory,), idle_s=_IDLE_S)
        #: Tells that a recording is about to be decoded: a worker takes 0.15 s to start.
        self.expect = self._pool.expect

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return the parts of the decoder's sandbox that this system lacks. Valid once warm."""
        return self._pool.lacks

    async def warm_up(self, count: int | None = None) -> None:
        """Start `count` workers, or all, before the first file."""
        await self._pool.warm_up(count)

    async def pieces(
        self,
        recording: Recording,
        limits: TranscriberLimits,
        *,
        hint_s: float | None = None,
        on_wait: OnQueued | None = None,
    ) -> AsyncGenerator[Piece, None]:
        """Yield the recording piece by piece, in the first suitable format of `limits`.

        To stop early, close the generator. hint_s: the claimed length, for files that claim none.
        on_wait: called if others go first. Raises BadAudio, TooLong, possibly after some pieces.
        """
        format = next((name for name in limits.formats if name in BYTES_PER_S), "wav")
        fitting_s = (limits.max_bytes - OVERHEAD_BYTES) / BYTES_PER_S[format]
        max_s = max(1.0, min(limits.max_piece_s, fitting_s, _LONGEST_PIECE_S))
        target_s = min(limits.target_piece_s, max_s)
        # The fields of `core.audio.cutter.CutLimits`, which this process does not import.
        cut = {"max_s": max_s, "target_s": target_s, "concurrency": limits.concurrency}
        header = {"operation": "pieces", "format": format, "hint_s": hint_s, "cut": cut}
        reader = PieceReader(format, max_s, self._limits.max_s)
        async with aclosing(self._run(header, recording, hint_s, on_wait)) as frames:
            async for frame in frames:
                if (first := reader.read(frame)).is_whole:
                    yield first
                    continue
                rest = (reader.read(frame) async for frame in frames)
                async with aclosing(self._ahead.read(first, rest)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def convert(
        self,
        recording: Recording,
        format: Format,
        *,
        rate_hz: int = 16_000,
        span_s: tuple[float, float] | None = None,
    ) -> Audio:
        """Return the recording as mono WAV, MP3 or OGG/Opus, at most half an hour.

        span_s: start and end of the part that is wanted.
        Raises BadAudio, TooLong.
        """
        max_s = min(self._limits.max_s, _LONGEST_CONVERSION_S)
        header: dict[str, Any] = {"operation": "convert", "format": format, "span_s": span_s}
        header |= {"max_s": max_s, "rate_hz": rate_hz}
        async with aclosing(self._run(header, recording)) as frames:
            frame = await anext(frames)
            return Audio(frame[1], MIMES[format], read_converted(frame, max_s)[0])

    async def prepare(
        self, recording: Recording, limits: AnswererLimits, *, hint_s: float | None = None
    ) -> Audio:
        """Return the whole recording in a format the engine accepts, unchanged if possible.

        It is decoded to its end first, so that nothing damaged or hostile is sent and the length
        is the true one. hint_s: the claimed length, not trusted.
        Raises BadAudio (also for silence), TooLong.
        """
        accepted = {"formats": list(limits.formats), "max_bytes": limits.max_bytes}
        header = {"operation": "prepare", **accepted}
        async with aclosing(self._run(header, recording, hint_s)) as frames:
            async for info, encoded in frames:
                if info:
                    if not encoded:
                        encoded = b"".join([chunk async for chunk in read_chunks(recording)])
                    frame, most_s = (info, encoded), self._limits.max_s
                    return Audio(encoded, *read_prepared(frame, limits, most_s))
        raise BadAudio(refusals.UNREADABLE)

    async def excerpt(self, recording: Recording, start_s: float, end_s: float) -> File:
        """Return a few seconds of a recording as a voice message, OGG/Opus.

        Raises BadAudio (also if it ends before `start_s`), TooLong.
        """
        times = {"start_s": max(0.0, start_s), "end_s": min(end_s, start_s + _LONGEST_EXCERPT_S)}
        async with aclosing(self._run({"operation": "excerpt", **times}, recording)) as frames:
            frame = await anext(frames)
            described = read_converted(frame, _LONGEST_EXCERPT_S)
            return File("excerpt.ogg", MIMES["ogg"], frame[1], *described)

    async def close(self) -> None:
        """Stop the workers."""
        await self._pool.close()

    async def _run(
        self,
        header: dict[str, Any],
        recording: Recording,
        hint_s: float | None = None,
        on_wait: OnQueued | None = None,
    ) -> AsyncGenerator[Frame, None]:
        """Yield the frames that a worker makes of a recording, once it is this person's turn."""
        limits, size = self._limits, len(recording)
        if size > limits.max_bytes:
            raise TooLong(refusals.TOO_LARGE, limit=limits.max_bytes // 10**6)
        cpu_s = limits.cpu_s + limits.cpu_s_per_megabyte * size / 2**20
        header = {"max_s": limits.max_s, "cpu_s": cpu_s, **header}
        length_s, seen = hint_s or min(_LONG_S, size / _USUAL_BYTES_PER_S), 0
        if size <= _LONG_BYTES and length_s <= _LONG_S < header["max_s"]:
            short = {**header, "max_s": _LONG_S}
            try:
                async with aclosing(self._decode(short, recording, length_s, on_wait)) as frames:
                    async for frame in frames:
                        seen += 1
                        yield frame
                return
            except TooLong:
                length_s = 2 * _LONG_S  # nobody has said so: it begins again
        async with aclosing(self._decode(header, recording, length_s, on_wait)) as frames:
            async for frame in frames:
                seen -= 1
                if seen < 0:
                    yield frame

    async def _decode(
        self,
        header: dict[str, Any],
        recording: Recording,
        length_s: float,
        on_wait: OnQueued | None,
    ) -> AsyncGenerator[Frame, None]:
        """Yield the frames of a recording that is as long as the header allows at most."""
        size, person = len(recording), REQUESTER.get().person
        turn = {"is_long": size > _LONG_BYTES or length_s > _LONG_S}
        await self._decoders.acquire(person, length_s, **turn, on_wait=on_wait)
        work = self._pool.run(header, read_chunks(recording), size=size, stall_s=_STALL_S)
        try:
            async with aclosing(work) as frames:
                async for frame in frames:
                    yield frame
        except WorkerRefused as refused:
            raise _read_refusal(refused, header["max_s"]) from None
        except (WorkerDied, WorkerStalled) as error:
            raise BadAudio(refusals.UNREADABLE) from error
        finally:
            self._decoders.release(person, **turn)


async def read_chunks(recording: Recording) -> AsyncGenerator[bytes, None]:
    """Yield the content of a recording from the beginning."""
    if isinstance(recording, bytes):
        yield recording
        return
    async for chunk in recording.chunks():
        yield chunk


@dataclass(slots=True)
class RecordingSpool:
    """Collects a recording that is being received: all but its last piece is stored."""

    #: Returns an empty recording; called only if this one is larger than a piece.
    begin: Callable[[], GrowingRecording]
    #: Its size so far.
    size_bytes: int = 0
    _stored: GrowingRecording | None = None
    _rest: bytearray = field(default_factory=bytearray)

    async def write(self, data: bytes) -> None:
        """Add data, at the pace at which it can be stored."""
        self._rest += data
        self.size_bytes += len(data)
        if len(self._rest) >= PIECE_BYTES:
            self._stored = self._stored or self.begin()
            piece = bytes(self._rest)
            self._rest.clear()
            await self._stored.append(piece)

    async def finish(self) -> Recording:
        """Return the recording."""
        if self._stored is None:
            return bytes(self._rest)
        if self._rest:
            await self._stored.append(bytes(self._rest))
            self._rest.clear()
        return self._stored


def _read_refusal(refused: WorkerRefused, max_s: float) -> UserError:
    if refused.kind == TooLong.__name__:
        return refusals.refuse_length(max_s)
    if refused.kind == "memory" or refused.detail not in refusals.FROM_WORKER:
        return BadAudio(refusals.UNREADABLE)
    return BadAudio(refused.detail)
