"""Tells speech from what is surely none, so that nobody pays for silence, noise or a tone.

Speech swings: syllables rise and fall by far more than the level of noise, hum or a tone does.
What is in doubt counts as speech: a call too many costs less than a sentence lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from core.audio.segment import audioop

_FRAME_S = 0.02
#: Looked at in turn, so that speech is mostly found at once.
_BLOCK_S = 2.0
#: Energies are averaged over this many frames, which calms noise and keeps syllables.
_SMOOTH = 3
#: Levels below this are all the same silence: about -78 dB of full scale.
_FLOOR = 4.0
#: A swing is a change by this factor of the level. White noise stays below 1.3.
_SWING = 1.9
#: One up and one down: the least that a single word makes.
_LEAST_SWINGS = 2


def has_speech(pcm: bytes, rate_hz: int = 16_000) -> bool:
    """Tell whether there may be speech in 16-bit mono samples."""
    swings = _swings(_levels(pcm, rate_hz))
    return sum(1 for _ in zip(range(_LEAST_SWINGS), swings, strict=False)) == _LEAST_SWINGS


def _levels(pcm: bytes, rate_hz: int) -> Iterator[float]:
    """Yield the level of the band that carries speech, every 20 ms, in 16-bit steps."""
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

    Hum, wind and offset go; hiss loses more than speech does.
    """
    half = audioop.mul(pcm, 2, 0.5)
    pairs = audioop.add(half[2:], half[:-2], 2)
    fours = audioop.mul(audioop.add(pairs[4:], pairs[:-4], 2), 2, 0.5)
    band: bytes = audioop.add(fours[8:], audioop.mul(fours[:-8], 2, -1), 2)
    return band


def _swings(levels: Iterable[float]) -> Iterator[float]:
    """Yield where the level has gone up or down by `_SWING`, in turn."""
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
