"""Level of a single frequency in audio."""

from __future__ import annotations

import math
from collections.abc import Sequence


def level_at(samples: Sequence[int], hz: float, rate_hz: int) -> float:
    """Return the amplitude of one tone (Goertzel, with a Hann window)."""
    count = len(samples)
    assert count, "no samples"
    turn = 2 * math.pi * hz / rate_hz
    weight, before, last, total = 2 * math.cos(turn), 0.0, 0.0, 0.0
    for index, sample in enumerate(samples):
        window = 0.5 - 0.5 * math.cos(2 * math.pi * index / count)
        total += window
        before, last = last, sample * window + weight * last - before
    power = last * last + before * before - weight * last * before
    return 2 * math.sqrt(max(0.0, power)) / total
