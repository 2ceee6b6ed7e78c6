"""Sound that leaves us: speech that an engine gives becomes a voice note while it is still coming.

Only for sound that we made ourselves. `SeamJoiner` puts pieces of one text together,
`VoiceNoteEncoder` makes the file; what is left to do after the last sample takes about a
millisecond, however long the note is.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from core.audio.codec import PcmEncoder
from core.audio.segment import audioop
from core.errors import EngineBadReply

#: What every file says of itself, in its comment tag.
AI_NOTICE = "AI-generated speech"
#: Larger notes are shown as a file by Telegram (its limit for a voice message).
MAX_NOTE_BYTES = 1_000_000

_MIMES = {"ogg": "audio/ogg", "mp3": "audio/mpeg", "flac": "audio/flac", "wav": "audio/wav"}
#: The least that is worth the way to another thread.
_BLOCK_S = 0.1
#: Long pages make the file smaller; nobody plays it before it is whole.
_PAGES = {"page_duration": "1000000"}
#: Above this the note is written anew with fewer bits. The rest of the room is for the last page.
_SWITCH_BYTES = MAX_NOTE_BYTES - 15_000
_LOW_BIT_RATE = 24_000
#: A longer note is too large with fewer bits as well.
_LONGEST_NOTE_S = 340.0
_WAVEFORM_STEP_S = 0.1
_WAVEFORM_POINTS = 256

_FRAME_S = 0.01
#: A frame whose level, without any offset, is below this is silence: -52 dB of full scale.
_QUIET_LEVEL = 80
#: Silence of a piece that is kept at its start and at its end.
_EDGE_S = 0.12
#: Least silence between two pieces: that between two sentences.
_PAUSE_S = 0.18
_FADE_S = 0.005
#: Silence within a piece is cut to this: what may be its end has to be held in memory.
_LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class VoiceNote:
    """A finished file of speech."""

    data: bytes
    mime: str
    #: Counted in samples; what containers say of Opus is a little too long.
    duration_s: float
    #: Loudness over time, 0 to 255: one point per 100 ms, at most 256 in all.
    waveform: bytes


class VoiceNoteEncoder:
    """Takes 16-bit mono samples in pieces of any length and gives one file.

    Opus gets 32 kbit/s, or 24 where that keeps the note within `MAX_NOTE_BYTES`.
    title: what players show. comment: who speaks, engine and model; kept in the artist tag.
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        format: Literal["ogg", "mp3", "flac", "wav"] = "ogg",
        title: str = "",
        comment: str = "",
    ) -> None:
        self._rate_hz, self._format = rate_hz, format
        self._tags = {"comment": AI_NOTICE, "title": title, "artist": comment}
        self._encoder = self._build_encoder()
        self._levels = _Levels(rate_hz)
        self._samples = 0
        self._waiting = bytearray()
        #: All samples so far, while the note may have to be written anew.
        self._kept: bytearray | None = bytearray() if format == "ogg" else None

    async def feed(self, pcm: bytes) -> None:
        """Take the next bytes; half a sample waits for its other half."""
        self._waiting += pcm
        if len(self._waiting) >= _count_bytes(_BLOCK_S, self._rate_hz):
            await asyncio.to_thread(self._encode)

    async def pause(self, seconds: float) -> None:
        """Add silence. Half a sample before it is dropped."""
        del self._waiting[len(self._waiting) // 2 * 2 :]
        await self.feed(bytes(_count_bytes(seconds, self._rate_hz)))

    async def finish(self) -> VoiceNote:
        """Return the note. Raises EngineBadReply if there was no sound at all."""
        return await asyncio.to_thread(self._finish)

    def _finish(self) -> VoiceNote:
        self._encode()
        if not self._samples:
            raise EngineBadReply("no sound came to be made a voice note")
        duration_s = self._samples / self._rate_hz
        data, waveform = self._encoder.close(), self._levels.waveform()
        return VoiceNote(data, _MIMES[self._format], duration_s, waveform)

    def _encode(self) -> None:
        size = len(self._waiting) // 2 * 2
        pcm = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._samples += size // 2
        self._levels.feed(pcm)
        self._encoder.feed(pcm)
        if self._kept is not None:
            self._kept += pcm
            self._shrink()

    def _shrink(self) -> None:
        """Go on with fewer bits once the note gets too large, from its start."""
        assert self._kept is not None
        if self._samples > _LONGEST_NOTE_S * self._rate_hz:
            self._kept = None
        elif self._encoder.size_bytes > _SWITCH_BYTES:
            self._encoder.close()
            self._encoder = self._build_encoder(_LOW_BIT_RATE)
            self._encoder.feed(bytes(self._kept))
            self._kept = None

    def _build_encoder(self, bit_rate: int | None = None) -> PcmEncoder:
        tags = {name: text for name, text in self._tags.items() if text}
        mux = _PAGES if self._format == "ogg" else {}
        return PcmEncoder(self._rate_hz, self._format, bit_rate=bit_rate, mux=mux, tags=tags)


class _Levels:
    """The loudness of each 100 ms."""

    def __init__(self, rate_hz: int) -> None:
        self._step = _count_bytes(_WAVEFORM_STEP_S, rate_hz)
        self._rest = b""
        self._levels: list[int] = []

    def feed(self, pcm: bytes) -> None:
        pcm = self._rest + pcm
        end = len(pcm) // self._step * self._step
        for start in range(0, end, self._step):
            self._levels.append(audioop.rms(pcm[start : start + self._step], 2))
        self._rest = pcm[end:]

    def waveform(self) -> bytes:
        levels = self._levels or [audioop.rms(self._rest, 2)]
        count = min(_WAVEFORM_POINTS, len(levels))
        edges = [len(levels) * index // count for index in range(count + 1)]
        points = [_mean_level(levels[a:b]) for a, b in pairwise(edges)]
        loudest = max(points) or 1.0
        return bytes(int(255 * point / loudest) for point in points)


class SeamJoiner:
    """Joins pieces of one text, each spoken by its own call, without gaps and clicks.

    Takes the pieces in order as 16-bit mono samples, in chunks of any length, and gives what is
    ready: all but what may turn out to be the silence at the piece's end. Between two pieces
    there are 180 to 240 ms of silence; a piece that is silence leaves nothing.
    """

    def __init__(self, rate_hz: int) -> None:
        self._frame = _count_bytes(_FRAME_S, rate_hz)
        self._edge = _count_bytes(_EDGE_S, rate_hz)
        self._pause = _count_bytes(_PAUSE_S, rate_hz)
        self._fade = int(_FADE_S * rate_hz)
        self._longest_pause = _count_bytes(_LONGEST_PAUSE_S, rate_hz)
        #: Silence kept at the end of the piece before, None if there was none.
        self._quiet_before: int | None = None
        self._reset()

    def feed(self, pcm: bytes) -> bytes:
        """Take the next bytes of the piece and return what is ready."""
        self._rest += pcm
        # One frame stays back: the last one is whole or longer, long enough to be faded.
        end = (len(self._rest) // self._frame - 1) * self._frame
        frames = [bytes(self._rest[at : at + self._frame]) for at in range(0, end, self._frame)]
        del self._rest[: max(0, end)]
        return b"".join([self._take(frame) for frame in frames])

    def end_piece(self) -> bytes:
        """Return the end of the piece; what is fed from now on is the next one.

        Half a sample that is left over is dropped.
        """
        ready = self._take(bytes(self._rest[: len(self._rest) // 2 * 2]))
        if self._is_speaking:
            surplus = max(0, self._quiet - self._edge)
            tail = bytes(self._held[: len(self._held) - surplus])
            ready += _fade(tail, self._fade, is_out=True)
            self._quiet_before = self._quiet - surplus
        self._reset()
        return ready

    def _reset(self) -> None:
        self._is_speaking = False
        self._rest = bytearray()
        #: Not given out yet: silence before the first word, or the last sound and what follows.
        self._held = bytearray()
        #: How much of the end of it is silence.
        self._quiet = 0

    def _take(self, frame: bytes) -> bytes:
        if not _is_quiet(frame):
            return self._take_loud(frame)
        if self._is_speaking and self._quiet >= self._longest_pause:
            return b""
        self._held += frame
        self._quiet += len(frame)
        if not self._is_speaking and self._quiet > self._edge:
            del self._held[: self._quiet - self._edge]
            self._quiet = self._edge
        return b""

    def _take_loud(self, frame: bytes) -> bytes:
        ready = bytes(self._held)
        if not self._is_speaking:
            gap = self._gap(len(ready))
            begun = _fade(ready + frame, self._fade, is_out=False)
            ready, frame = gap + begun[: len(ready)], begun[len(ready) :]
        self._is_speaking, self._quiet = True, 0
        self._held = bytearray(frame)
        return ready

    def _gap(self, quiet: int) -> bytes:
        """Silence to be added before a piece that begins with so much of its own."""
        if self._quiet_before is None:
            return b""
        return bytes(max(0, self._pause - self._quiet_before - quiet))


def _is_quiet(frame: bytes) -> bool:
    # Less its mean: an offset is no sound.
    power: int = audioop.rms(frame, 2) ** 2 - audioop.avg(frame, 2) ** 2
    return power < _QUIET_LEVEL**2


def _fade(pcm: bytes, samples: int, *, is_out: bool) -> bytes:
    """Return the samples, rising from zero at the start or falling to it at the end."""
    values = array("h", pcm)
    count = min(samples, len(values))
    for step in range(count):
        at = len(values) - 1 - step if is_out else step
        values[at] = values[at] * step // count
    return values.tobytes()


def _mean_level(levels: list[int]) -> float:
    return float((sum(level * level for level in levels) / len(levels)) ** 0.5)


def _count_bytes(seconds: float, rate_hz: int) -> int:
    return int(seconds * rate_hz) * 2
