"""Where nobody speaks: sentences end there, which an engine that tells no times does not say."""

from __future__ import annotations

from core.audio.segment import audioop

_FRAME_S = 0.02
#: Shorter ones stand between words, and inside of some.
_SHORTEST_S = 0.3
#: Quiet is what is this much below the loudness of the whole.
_QUIET_SHARE = 0.12
#: And at least what is below this level anyway, in 16-bit steps.
_FLOOR = 60


def find_pauses(pcm: bytes, rate_hz: int = 16_000) -> list[tuple[float, float]]:
    """Return start and end in seconds of each pause in 16-bit mono samples."""
    size = int(rate_hz * _FRAME_S) * 2
    limit = max(_FLOOR, audioop.rms(pcm, 2) * _QUIET_SHARE)
    pauses: list[tuple[float, float]] = []
    begun: int | None = None
    view, count = memoryview(pcm), len(pcm) // size
    for index in range(count + 1):
        is_quiet = index < count and audioop.rms(view[index * size : (index + 1) * size], 2) < limit
        if is_quiet and begun is None:
            begun = index
        elif not is_quiet and begun is not None:
            if (index - begun) * _FRAME_S >= _SHORTEST_S:
                pauses.append((round(begun * _FRAME_S, 2), round(index * _FRAME_S, 2)))
            begun = None
    return pauses
