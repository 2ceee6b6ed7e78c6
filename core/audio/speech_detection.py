"""Detection of silence, of pure tones, and of pauses.

Nobody should pay for the transcription of silence or of a beep, for which engines invent words.
Everything else may hold speech, under music and noise too: a call too many costs less than a lost
sentence.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice

from core.audio.segment import audioop

#: Frames in which speech is searched, of 16 kHz mono, and how many of it are the shortest word.
_TONE_FRAME_BYTES = 640 * 2
_LEAST_FRAMES = 3
#: Quieter frames, by their root mean square in 16-bit steps, are silent: -78 dB of full scale.
_SILENT_LEVEL = 4
#: What is left of a frame without the tone is nothing below this share, -30 dB: codecs
#: leave a third of it, and speech that is as far below a tone cannot be understood.
_TONE_SHARE = 0.03
#: Distances in samples at which a tone is compared with itself; two, for with a single one some
#: frequencies look alike.
_LAGS = (8, 13)

_FRAME_S = 0.02
#: Shorter pauses also occur between and inside words.
_SHORTEST_PAUSE_S = 0.3
#: A frame is quiet below this share of the level of the whole recording,
_QUIET_SHARE = 0.12
#: or below this level, in 16-bit steps.
_QUIET_LEVEL = 60


def has_speech(pcm: bytes) -> bool:
    """Return False if 16 kHz mono samples are surely silent or nothing but one steady tone."""
    opposite = struct.pack("<h", min(32767, -audioop.avg(pcm, 2))) * (_TONE_FRAME_BYTES // 2)
    starts = range(0, len(pcm) - _TONE_FRAME_BYTES + 1, _TONE_FRAME_BYTES)
    cut = (pcm[start : start + _TONE_FRAME_BYTES] for start in starts)
    frames = [audioop.add(frame, opposite, 2) for frame in cut]
    levels = [audioop.rms(frame, 2) for frame in frames]
    if max(levels, default=0) <= _SILENT_LEVEL:
        return False
    loudest = frames[levels.index(max(levels))]
    shares = [audioop.findfactor(*_compare(loudest, lag)) for lag in _LAGS]
    found = (1 for pair in zip(frames, levels, strict=True) if _has_more(*pair, shares))
    return sum(islice(found, _LEAST_FRAMES)) == _LEAST_FRAMES


def _has_more(frame: bytes, level: int, shares: Sequence[float]) -> bool:
    """Return True if a frame holds more than the tone of these shares, as `_compare` has them."""
    limit = max(_SILENT_LEVEL, level * _TONE_SHARE)
    if level <= limit:
        return False
    pairs = (_compare(frame, lag) for lag in _LAGS)
    rests = (
        audioop.add(means, audioop.mul(middle, 2, -share), 2)
        for (means, middle), share in zip(pairs, shares, strict=True)
    )
    return any(audioop.rms(rest, 2) > limit for rest in rests)


def _compare(frame: bytes, lag: int) -> tuple[bytes, bytes]:
    """Return the means of the samples `lag` before and after others, and these others.

    Of a tone, the means are always the same share of the others.
    """
    half = audioop.mul(frame, 2, 0.5)
    return audioop.add(half[: -4 * lag], half[4 * lag :], 2), frame[2 * lag : -2 * lag]


def find_pauses(pcm: bytes, rate_hz: int = 16_000) -> list[tuple[float, float]]:
    """Return start and end in seconds of each pause in 16-bit mono samples.

    Sentences end at pauses, which helps where an engine returns no timestamps.
    """
    size = int(rate_hz * _FRAME_S) * 2
    limit = max(_QUIET_LEVEL, audioop.rms(pcm, 2) * _QUIET_SHARE)
    pauses: list[tuple[float, float]] = []
    start: int | None = None
    view, count = memoryview(pcm), len(pcm) // size
    for index in range(count + 1):
        is_quiet = index < count and audioop.rms(view[index * size : (index + 1) * size], 2) < limit
        if is_quiet and start is None:
            start = index
        elif not is_quiet and start is not None:
            if (index - start) * _FRAME_S >= _SHORTEST_PAUSE_S:
                pauses.append((round(start * _FRAME_S, 2), round(index * _FRAME_S, 2)))
            start = None
    return pauses
