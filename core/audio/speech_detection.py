"""Detection of speech and of pauses.

Nobody should pay for the transcription of silence, noise or a tone. The level of speech swings:
syllables rise and fall by far more than noise, hum or a tone does. Doubtful audio counts as
speech, since a call too many costs less than a lost sentence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from core.audio.segment import audioop

_FRAME_S = 0.02
#: Filtered one by one: speech is usually found in the first.
_BLOCK_S = 2.0
#: Power is averaged over this many frames, which smooths noise and keeps syllables.
_SMOOTH = 3
#: Lower levels are raised to this: about -78 dB of full scale.
_FLOOR = 4.0
#: A swing is a change of the level by this factor. White noise stays below 1.3.
_SWING = 1.9
#: One up and one down: the minimum of a single word.
_LEAST_SWINGS = 2

#: Shorter pauses also occur between and inside words.
_SHORTEST_PAUSE_S = 0.3
#: A frame is quiet below this share of the level of the whole recording,
_QUIET_SHARE = 0.12
#: or below this level, in 16-bit steps.
_QUIET_LEVEL = 60


def has_speech(pcm: bytes, rate_hz: int = 16_000) -> bool:
    """Return True if 16-bit mono samples may contain speech."""
    swings = _swings(_levels(pcm, rate_hz))
    return sum(1 for _ in zip(range(_LEAST_SWINGS), swings, strict=False)) == _LEAST_SWINGS


def _levels(pcm: bytes, rate_hz: int) -> Iterator[float]:
    """Yield the level of the speech band every 20 ms, in 16-bit steps."""
    frame, block = int(rate_hz * _FRAME_S) * 2, int(rate_hz * _BLOCK_S) * 2
    powers: deque[int] = deque(maxlen=_SMOOTH)
    for first in range(0, len(pcm), block):
        band = memoryview(_filter(pcm[first : first + block]))
        for start in range(0, len(band) - frame // 2, frame):
            powers.append(audioop.rms(band[start : start + frame], 2) ** 2)
            if len(powers) == _SMOOTH:
                yield max(_FLOOR, (sum(powers) / _SMOOTH) ** 0.5)


def _filter(pcm: bytes) -> bytes:
    """Keep about 300 to 3,000 Hz: the mean of four neighbours, less the one before it.

    Removes hum, wind and offset; attenuates hiss more than speech.
    """
    half = audioop.mul(pcm, 2, 0.5)
    pairs = audioop.add(half[2:], half[:-2], 2)
    fours = audioop.mul(audioop.add(pairs[4:], pairs[:-4], 2), 2, 0.5)
    band: bytes = audioop.add(fours[8:], audioop.mul(fours[:-8], 2, -1), 2)
    return band


def _swings(levels: Iterable[float]) -> Iterator[float]:
    """Yield a level for each alternating rise and fall by `_SWING`."""
    low, high = float("inf"), 0.0
    is_rising: bool | None = None
    for level in levels:
        low, high = min(low, level), max(high, level)
        if is_rising is not True and level > low * _SWING:
            is_rising, high = True, level
            yield level
        elif is_rising is not False and level * _SWING < high:
            is_rising, low = False, level
            yield level


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
