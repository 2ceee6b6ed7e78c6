"""Reads what a decoding process says of a recording, without believing it.

A file may have taken the process over. It can still give false sound of its own file, but no more
of it than a recording may have: the engine is paid for what it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.audio.refusals import UNREADABLE
from core.errors import BadAudio
from core.interfaces import AnswererLimits
from core.models import Audio
from core.worker_process import Frame

MIMES: dict[str, str] = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
#: Of pieces: at 16 kHz mono, 16 bits; and at 64 kbit/s.
BYTES_PER_S = {"wav": 32_000, "mp3": 8_000}
#: For headers and the frames that MP3 adds.
OVERHEAD_BYTES = 4096
#: Of all pieces but the last: the cutter's own limits, and a little less.
_SHORTEST_S, _SHORTEST_SHARE = 5.0, 0.4
#: For rounding.
_TOLERANCE_S = 0.5

_Seconds = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording, 16 kHz mono."""

    index: int
    start_s: float
    audio: Audio
    #: False only for silence or a tone.
    has_speech: bool
    #: True if it does not end at a quiet point, so perhaps inside a word.
    is_forced: bool
    #: Start and end of each pause in seconds, relative to the piece.
    pauses: tuple[tuple[float, float], ...] = ()
    #: Length of the whole recording as far as is known.
    recording_s: float | None = None
    #: True if it is all of the recording.
    is_whole: bool = False


class _Info(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


AnyInfo = TypeVar("AnyInfo", bound=_Info)


class _PieceInfo(_Info):
    start_s: _Seconds
    duration_s: _Seconds
    has_speech: bool
    is_forced: bool
    pauses: list[Annotated[list[_Seconds], Field(min_length=2, max_length=2)]]
    recording_s: _Seconds | None
    is_last: bool = False


class _PreparedInfo(_Info):
    mime: str
    duration_s: _Seconds


class _ConvertedInfo(_Info):
    duration_s: _Seconds
    waveform: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")] = ""


class PieceReader:
    """Reads the pieces of one recording, which follow one another without gaps.

    longest_s: of one piece; most_s: of all together.
    """

    def __init__(self, format: str, longest_s: float, most_s: float) -> None:
        self._format, self._longest_s, self._most_s = format, longest_s, most_s
        self._shortest_s = min(_SHORTEST_S, longest_s * _SHORTEST_SHARE)
        self._count, self._end_s, self._is_over = 0, 0.0, False

    def read(self, frame: Frame) -> Piece:
        """Return the next piece. Raises BadAudio if there cannot be such a one."""
        info, data = _check(_PieceInfo, frame), frame[1]
        length_s = info.duration_s
        is_possible = (
            not self._is_over
            and abs(info.start_s - self._end_s) < _TOLERANCE_S
            and length_s <= self._longest_s + _TOLERANCE_S
            and info.start_s + length_s <= self._most_s + _TOLERANCE_S
            and len(data) <= length_s * BYTES_PER_S[self._format] + OVERHEAD_BYTES
        )
        # A short piece can only be the last one.
        self._is_over = info.is_last or length_s < self._shortest_s
        if not is_possible:
            raise BadAudio(UNREADABLE)
        index, self._count = self._count, self._count + 1
        self._end_s = info.start_s + length_s
        audio = Audio(data, MIMES[self._format], length_s)
        return Piece(
            index,
            info.start_s,
            audio,
            info.has_speech,
            info.is_forced,
            tuple((start_s, end_s) for start_s, end_s in info.pauses),
            info.recording_s,
            is_whole=info.is_last and not index,
        )


def read_prepared(frame: Frame, limits: AnswererLimits, most_s: float) -> tuple[str, float]:
    """Return MIME type and seconds of a prepared file. Raises BadAudio if it cannot be one."""
    info = _check(_PreparedInfo, frame)
    is_kind = info.mime in (*limits.formats, *MIMES.values())
    is_short = info.duration_s <= most_s + _TOLERANCE_S
    if not (is_kind and is_short and len(frame[1]) <= limits.max_bytes):
        raise BadAudio(UNREADABLE)
    return info.mime, info.duration_s


def read_converted(frame: Frame, most_s: float) -> tuple[float, bytes]:
    """Return seconds and waveform of converted audio. Raises BadAudio if it cannot be that."""
    info = _check(_ConvertedInfo, frame)
    if info.duration_s > most_s + _TOLERANCE_S:
        raise BadAudio(UNREADABLE)
    return info.duration_s, bytes.fromhex(info.waveform)


def _check(kind: type[AnyInfo], frame: Frame) -> AnyInfo:
    try:
        return kind.model_validate(frame[0])
    except ValidationError:
        # Without its cause, which would put the worker's words into the log.
        raise BadAudio(UNREADABLE) from None
