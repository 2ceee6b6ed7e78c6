"""What people send, as pieces of sound that an engine can hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from core.audio import refusals
from core.errors import BadAudio, TooLong, UserError
from core.interfaces import AnswererLimits, TranscriberLimits
from core.models import Audio
from core.worker_process import Frame, WorkerDied, WorkerRefused, WorkerStalled
from core.worker_process.pool import WorkerPool

Format = Literal["wav", "mp3", "ogg"]

_MIMES: dict[str, str] = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
#: At 16 kHz mono, 16 bits; and at 64 kbit/s.
_BYTES_PER_S = {"wav": 32_000, "mp3": 8_000}
#: Room for headers and for the frames that MP3 adds.
_SPARE_BYTES = 4096
#: One piece is held whole: longer ones would not fit the child's memory.
_LONGEST_PIECE_S = 180.0
_STALL_S = 30.0
#: What counts as long: more than this, in time or in bytes.
_LONG_S, _LONG_BYTES = 120.0, 2**20
#: A whole recording is converted in memory.
_LONGEST_CONVERSION_S = 1800.0
_LONGEST_EXCERPT_S = 60.0


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What is taken in, and what reading it may cost."""

    max_bytes: int = 50 * 2**20
    max_s: float = 7200.0
    #: Address space of one child.
    memory_bytes: int = 512 * 2**20
    #: Processor time of one file: honest ones need a tenth of it.
    cpu_s: float = 30.0
    cpu_s_per_megabyte: float = 4.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording, 16 kHz mono."""

    index: int
    start_s: float
    audio: Audio
    #: False where there is surely none: silence, noise, a tone.
    has_speech: bool
    #: True when it ends where nothing was quiet, perhaps inside a word.
    is_forced: bool
    #: Start and end of each stretch in which nobody speaks, from the start of the piece.
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some seconds of a recording, OGG/Opus."""

    audio: Audio
    #: Loudness over time, 0 to 255, at most 256 points.
    waveform: bytes


class Media:
    """Reads people's sound in child processes. One for the whole bot.

    workers: files that are read at once; all but one of them may be long.
    """

    def __init__(self, *, workers: int | None = None, limits: MediaLimits | None = None) -> None:
        self._limits = limits or MediaLimits()
        size = workers or 2
        memory = str(self._limits.memory_bytes)
        # A long recording keeps its child until its last piece was heard: one stays free of them.
        self._long = asyncio.Semaphore(max(1, size - 1))
        self._pool = WorkerPool("core.audio.worker", size=size, arguments=(memory,))

    async def warm_up(self, count: int | None = None) -> None:
        """Start so many children, or all, now instead of at the first file."""
        await self._pool.warm_up(count)

    async def pieces(
        self, data: bytes, limits: TranscriberLimits, *, hint_s: float | None = None
    ) -> AsyncGenerator[Piece, None]:
        """Yield the recording piece by piece, in the best format of `limits`.

        Leave it early by closing it (`contextlib.aclosing`).
        hint_s: the length as the platform claims it; used only where the file claims none.
        Raises BadAudio, TooLong; both may also come after some pieces.
        """
        format = next((name for name in limits.formats if name in _BYTES_PER_S), "wav")
        header = {
            "do": "pieces",
            "format": format,
            "hint_s": hint_s,
            "max_s": self._limits.max_s,
            "cut": _cut_limits(limits, format),
        }
        index = 0
        async with (
            self._wait_if_long(data, hint_s),
            aclosing(self._run(header, data)) as frames,
        ):
            async for found, sound in frames:
                audio = Audio(sound, _MIMES[format], found["duration_s"])
                pauses = tuple((start_s, end_s) for start_s, end_s in found["pauses"])
                marks = found["has_speech"], found["is_forced"], pauses
                yield Piece(index, found["start_s"], audio, *marks)
                index += 1

    async def convert(self, data: bytes, format: Format, *, rate_hz: int = 16_000) -> Audio:
        """Return the whole recording as mono WAV, MP3 or OGG/Opus, at most half an hour.

        Raises BadAudio, TooLong.
        """
        max_s = min(self._limits.max_s, _LONGEST_CONVERSION_S)
        header = {"do": "convert", "format": format, "max_s": max_s, "rate_hz": rate_hz}
        async with aclosing(self._run(header, data)) as frames:
            found, sound = await anext(frames)
            return Audio(sound, _MIMES[format], found["duration_s"])

    async def prepare(
        self, data: bytes, limits: AnswererLimits, *, hint_s: float | None = None
    ) -> Audio:
        """Return the whole recording as an engine takes it: as it came where that is possible.

        Each is decoded to its end before, so that nothing damaged or hostile goes out, and its
        length is the true one. hint_s: its claimed length, not trusted.
        Raises BadAudio (also of silence), TooLong.
        """
        header = {
            "do": "prepare",
            "formats": list(limits.formats),
            "max_bytes": limits.max_bytes,
            "max_s": self._limits.max_s,
        }
        async with (
            self._wait_if_long(data, hint_s),
            aclosing(self._run(header, data)) as frames,
        ):
            async for found, sound in frames:
                if found:
                    return Audio(sound or data, found["mime"], found["duration_s"])
        raise BadAudio(refusals.GAVE_UP)

    async def excerpt(self, data: bytes, start_s: float, end_s: float) -> Excerpt:
        """Return some seconds of a recording as a voice note.

        Raises BadAudio (also where it ends before `start_s`), TooLong.
        """
        times = {"start_s": max(0.0, start_s), "end_s": min(end_s, start_s + _LONGEST_EXCERPT_S)}
        header = {"do": "excerpt", "max_s": self._limits.max_s, **times}
        async with self._wait_if_long(data, None), aclosing(self._run(header, data)) as frames:
            found, sound = await anext(frames)
            audio = Audio(sound, _MIMES["ogg"], found["duration_s"])
            return Excerpt(audio, bytes.fromhex(found["waveform"]))

    def _wait_if_long(
        self, data: bytes, hint_s: float | None
    ) -> asyncio.Semaphore | nullcontext[None]:
        is_long = len(data) > _LONG_BYTES or (hint_s or 0.0) > _LONG_S
        return self._long if is_long else nullcontext()

    async def close(self) -> None:
        """End the children."""
        await self._pool.close()

    async def _run(self, header: dict[str, Any], data: bytes) -> AsyncGenerator[Frame, None]:
        megabytes = len(data) / 2**20
        if len(data) > self._limits.max_bytes:
            raise TooLong(refusals.TOO_LARGE, megabytes=self._limits.max_bytes // 2**20)
        header["cpu_s"] = self._limits.cpu_s + self._limits.cpu_s_per_megabyte * megabytes
        try:
            async with aclosing(self._pool.run(header, data, stall_s=_STALL_S)) as frames:
                async for frame in frames:
                    yield frame
        except WorkerRefused as refused:
            raise _read_refusal(refused, header["max_s"]) from None
        except (WorkerDied, WorkerStalled) as error:
            raise BadAudio(refusals.GAVE_UP) from error


def _cut_limits(limits: TranscriberLimits, format: str) -> dict[str, float]:
    """The fields of `core.audio.cutter.CutLimits`, which this process does not load."""
    fitting_s = (limits.max_bytes - _SPARE_BYTES) / _BYTES_PER_S[format]
    max_s = max(1.0, min(limits.max_piece_s, fitting_s, _LONGEST_PIECE_S))
    target_s = min(limits.target_piece_s, max_s)
    return {"max_s": max_s, "target_s": target_s, "concurrency": limits.concurrency}


def _read_refusal(refused: WorkerRefused, max_s: float) -> UserError:
    if refused.kind == TooLong.__name__:
        return TooLong(hours=f"{max_s / 3600:g}")
    if refused.kind == "memory" or refused.detail not in refusals.ALL:
        return BadAudio(refusals.GAVE_UP)
    return BadAudio(refused.detail)
