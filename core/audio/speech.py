"""Tells speech from what is surely none, so that nobody pays for silence, noise or a tone.

Speech swings: syllables rise and fall by far more than the level of noise, hum or a tone does.
What is in doubt counts as speech: a call too many costs less than a sentence lost.
"""

from __future__ import annotations

from core.audio.segment import audioop

_FRAME_S = 0.02
#: Energies are averaged over this many frames, which calms noise and keeps syllables.
_SMOOTH = 3
#: Levels below this are all the same silence: about -78 dB of full scale.
_FLOOR = 4.0
#: A swing is a change by this factor of the level.
_SWING = 1.9
#: One up and one down: the least that a single word makes.
_LEAST_SWINGS = 2


def has_speech(pcm: bytes, rate_hz: int = 16_000) -> bool:
    """Tell whether there may be speech in 16-bit mono samples."""
    return _count_swings(_levels(pcm, int(rate_hz * _FRAME_S) * 2)) >= _LEAST_SWINGS


def _levels(pcm: bytes, frame_bytes: int) -> list[float]:
    """Levels over time, after a difference of neighbours: it takes away hum, wind and offset."""
    if len(pcm) < 4:
        return []
    edges = memoryview(audioop.add(pcm[2:], audioop.mul(pcm[:-2], 2, -1), 2))
    powers = [
        audioop.rms(edges[start : start + frame_bytes], 2) ** 2
        for start in range(0, len(edges) - frame_bytes // 2, frame_bytes)
    ]
    smooth = [powers[i : i + _SMOOTH] for i in range(max(1, len(powers) - _SMOOTH + 1))]
    return [max(_FLOOR, (sum(part) / max(1, len(part))) ** 0.5) for part in smooth]


def _count_swings(levels: list[float]) -> int:
    """Count how often the level turns after having gone up or down by `_SWING`."""
    swings, low, high = 0, float("inf"), 0.0
    is_rising: bool | None = None
    for level in levels:
        low, high = min(low, level), max(high, level)
        if is_rising is not True and level > low * _SWING:
            swings, is_rising, high = swings + 1, True, level
        elif is_rising is not False and level * _SWING < high:
            swings, is_rising, low = swings + 1, False, level
    return swings
