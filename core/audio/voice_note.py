"""Encoding of synthesized speech as a voice note while it is still streaming in.

`SeamJoiner` joins the pieces of one text, `VoiceNoteEncoder` writes the file. Finishing it takes
about a millisecond after the last sample, however long the note is.
"""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass
from typing import Literal

from core.audio.codec import PcmEncoder
from core.audio.segment import Waveform, audioop
from core.errors import EngineBadReply

#: The comment tag of every file.
AI_NOTICE = "AI-generated speech"
#: Larger notes are shown as a file by Telegram (its limit for a voice message).
MAX_NOTE_BYTES = 1_000_000

_MIMES = {
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "aac": "audio/aac",
}
#: Less is not worth the switch to another thread.
_BLOCK_S = 0.1
#: Long pages make the file smaller; nobody plays it before it is complete.
_PAGES = {"page_duration": "1000000"}
#: Above this size the note is encoded again at a lower bit rate. The rest is for the last page.
_SWITCH_BYTES = MAX_NOTE_BYTES - 15_000
_LOW_BIT_RATE = 24_000
#: A longer note is too large at the lower bit rate too.
_LONGEST_NOTE_S = 340.0

_FRAME_S = 0.01
#: A frame below this level, without its offset, is silence: -52 dB of full scale.
_QUIET_LEVEL = 80
#: Silence that is kept at the start and end of a piece.
_EDGE_S = 0.12
#: Minimum silence between two pieces: the pause between sentences.
_PAUSE_S = 0.18
_FADE_S = 0.005
#: Silence within a piece is cut to this, since it is held in memory until more speech follows.
_LONGEST_PAUSE_S = 10.0


def build_tags(by: str) -> dict[str, str]:
    """Return the tags of synthesized speech; by: voice, engine and model."""
    return {"comment": AI_NOTICE, "artist": by}


@dataclass(frozen=True, slots=True)
class VoiceNote:
    """A finished voice note."""

    data: bytes
    mime: str
    #: Counted in samples; the containers of Opus report a little too much.
    duration_s: float
    #: Loudness over time, 0 to 255: one point per 100 ms, at most 256 in all.
    waveform: bytes


class VoiceNoteEncoder:
    """Encodes a stream of 16-bit mono samples as one file.

    Opus gets 32 kbit/s, or 24 if that keeps the note within `MAX_NOTE_BYTES`.
    title: shown by players. comment: voice, engine and model, stored in the artist tag.
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        format: Literal["ogg", "mp3", "flac", "wav", "aac"] = "ogg",
        title: str = "",
        comment: str = "",
    ) -> None:
        self._rate_hz, self._format = rate_hz, format
        self._tags = build_tags(comment) | {"title": title}
        self._encoder = self._build_encoder()
        self._waveform = Waveform(rate_hz)
        self._samples = 0
        self._pending = bytearray()
        #: All samples so far, as long as the note may have to be encoded again.
        self._kept: bytearray | None = bytearray() if format == "ogg" else None

    async def feed(self, pcm: bytes) -> None:
        """Add the next bytes; half a sample waits for its other half."""
        self._pending += pcm
        if len(self._pending) >= _count_bytes(_BLOCK_S, self._rate_hz):
            await asyncio.to_thread(self._encode)

    async def finish(self) -> VoiceNote:
        """Return the note. Raises EngineBadReply if there was no audio."""
        return await asyncio.to_thread(self._finish)

    def _finish(self) -> VoiceNote:
        self._encode()
        if not self._samples:
            raise EngineBadReply("no audio for the voice note")
        duration_s = self._samples / self._rate_hz
        data, waveform = self._encoder.close(), self._waveform.points()
        return VoiceNote(data, _MIMES[self._format], duration_s, waveform)

    def _encode(self) -> None:
        size = len(self._pending) // 2 * 2
        pcm = bytes(self._pending[:size])
        del self._pending[:size]
        self._samples += size // 2
        self._waveform.feed(pcm)
        self._encoder.feed(pcm)
        if self._kept is not None:
            self._kept += pcm
            self._shrink()

    def _shrink(self) -> None:
        """Start again at a lower bit rate once the note gets too large."""
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


class SeamJoiner:
    """Joins the pieces of one text, each synthesized by its own call, without gaps and clicks.

    Takes the pieces in order as 16-bit mono samples in chunks of any length and returns what is
    final: all but possible silence at the end of the piece. Two pieces are 180 to 240 ms apart;
    a silent piece is dropped.
    """

    def __init__(self, rate_hz: int) -> None:
        self._frame = _count_bytes(_FRAME_S, rate_hz)
        self._edge = _count_bytes(_EDGE_S, rate_hz)
        self._pause = _count_bytes(_PAUSE_S, rate_hz)
        self._fade = int(_FADE_S * rate_hz)
        self._longest_pause = _count_bytes(_LONGEST_PAUSE_S, rate_hz)
        #: Silence kept at the end of the previous piece, None if there was none.
        self._quiet_before: int | None = None
        self._reset()

    def feed(self, pcm: bytes) -> bytes:
        """Add the next bytes of the piece and return the samples that are final."""
        self._rest += pcm
        # One frame is held back, so that the last one is long enough to be faded.
        end = (len(self._rest) // self._frame - 1) * self._frame
        frames = [bytes(self._rest[at : at + self._frame]) for at in range(0, end, self._frame)]
        del self._rest[: max(0, end)]
        return b"".join([self._take(frame) for frame in frames])

    def end_piece(self) -> bytes:
        """Return the rest of the piece, without half a sample; what is fed next is a new piece."""
        ready = self._take(bytes(self._rest[: len(self._rest) // 2 * 2]))
        if self._has_speech:
            surplus = max(0, self._quiet - self._edge)
            tail = bytes(self._held[: len(self._held) - surplus])
            ready += _fade(tail, self._fade, is_out=True)
            self._quiet_before = self._quiet - surplus
        self._reset()
        return ready

    def _reset(self) -> None:
        self._has_speech = False
        self._rest = bytearray()
        #: Not returned yet: silence before the first word, or the last loud frame and silence.
        self._held = bytearray()
        #: Bytes of silence at its end.
        self._quiet = 0

    def _take(self, frame: bytes) -> bytes:
        if not _is_quiet(frame):
            return self._take_loud(frame)
        if self._has_speech and self._quiet >= self._longest_pause:
            return b""
        self._held += frame
        self._quiet += len(frame)
        if not self._has_speech and self._quiet > self._edge:
            del self._held[: self._quiet - self._edge]
            self._quiet = self._edge
        return b""

    def _take_loud(self, frame: bytes) -> bytes:
        ready = bytes(self._held)
        if not self._has_speech:
            gap = b""
            if self._quiet_before is not None:
                gap = bytes(max(0, self._pause - self._quiet_before - len(ready)))
            faded = _fade(ready + frame, self._fade, is_out=False)
            ready, frame = gap + faded[: len(ready)], faded[len(ready) :]
        self._has_speech, self._quiet = True, 0
        self._held = bytearray(frame)
        return ready


def _is_quiet(frame: bytes) -> bool:
    # Without the mean: a constant offset is inaudible.
    power: int = audioop.rms(frame, 2) ** 2 - audioop.avg(frame, 2) ** 2
    return power < _QUIET_LEVEL**2


def _fade(pcm: bytes, samples: int, *, is_out: bool) -> bytes:
    """Return the samples, faded in at the start or out at the end."""
    values = array("h", pcm)
    count = min(samples, len(values))
    for step in range(count):
        at = len(values) - 1 - step if is_out else step
        values[at] = values[at] * step // count
    return values.tobytes()


def _count_bytes(seconds: float, rate_hz: int) -> int:
    return int(seconds * rate_hz) * 2
