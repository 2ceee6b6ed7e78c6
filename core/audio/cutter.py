"""Cuts a long recording at its quiet points while it is still being decoded.

Memory is bounded by one piece. A fixed length of piece would give one piece more than planned
for many recordings, and so start another wave of calls: the length is set anew after each cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from core.audio.segment import audioop

_FRAME_S = 0.02
#: Quiet is what is quiet for this many frames.
_SMOOTH = 15
#: Cuts are searched this far around the target: less would land in words.
_WINDOW_S, _WINDOW_SHARE, _MAX_WINDOW_SHARE = 6.0, 0.15, 0.4
#: A place this much below the piece's level counts as quiet.
_QUIET_DB = 6.0
_SHORTEST_TARGET_S = 10.0
#: The last piece may be this much longer than planned.
_LAST_S = 15.0


@dataclass(frozen=True, slots=True)
class Cut:
    """One piece: where it starts, its 16-bit samples, and whether nothing was quiet at its end."""

    start_s: float
    pcm: bytes
    is_forced: bool


@dataclass(frozen=True, slots=True)
class CutLimits:
    """How long pieces may and should be, and how many are heard at once."""

    max_s: float = 180.0
    target_s: float = 45.0
    concurrency: int = 8


def plan(length_s: float | None, limits: CutLimits) -> int:
    """Return how many pieces a recording of that length should have: whole waves of calls."""
    single_s = min(limits.target_s * 0.9, limits.max_s)
    if not length_s or length_s <= single_s:
        return 1
    waves = math.ceil(length_s / (limits.concurrency * limits.target_s))
    sensible = max(1, int(length_s / (limits.target_s / 3)))
    return max(min(waves * limits.concurrency, sensible), math.ceil(length_s / limits.max_s))


class Cutter:
    """Takes samples in, gives pieces out; together they are the input, byte for byte.

    length_s: only a hint for the number of pieces.
    """

    def __init__(self, limits: CutLimits, *, length_s: float | None, rate_hz: int = 16_000) -> None:
        self._limits, self._rate_hz = limits, rate_hz
        self._frame_bytes = int(rate_hz * _FRAME_S) * 2
        self._length_s = length_s or 0.0
        self._pieces_left = plan(length_s, limits)
        self._pcm = bytearray()
        self._start = 0
        self._aim()

    def feed(self, pcm: bytes) -> Iterator[Cut]:
        """Take samples and yield what is ready."""
        self._pcm += pcm
        while len(self._pcm) >= self._bytes(self._max_s):
            yield self._cut()

    def close(self) -> Iterator[Cut]:
        """Yield the rest."""
        if self._pcm:
            yield self._take(len(self._pcm), is_forced=False)

    def _aim(self) -> None:
        """Set the window of the next cut from what is left."""
        rest_s = self._length_s - self._start / self._rate_hz
        has_plan = self._pieces_left > 0 and rest_s > 1
        target_s = rest_s / self._pieces_left if has_plan else self._limits.target_s
        longest_s = self._limits.max_s / 1.2
        target_s = min(max(target_s, min(_SHORTEST_TARGET_S, longest_s)), longest_s)
        window_s = max(_WINDOW_S, _WINDOW_SHARE * target_s)
        window_s = min(window_s, _MAX_WINDOW_SHARE * target_s)
        self._target_s, self._min_s = target_s, target_s - window_s
        self._max_s = min(target_s + window_s, self._limits.max_s)
        if self._pieces_left == 1 and 0 < rest_s <= self._limits.max_s:
            self._max_s = min(rest_s + _LAST_S, self._limits.max_s)

    def _cut(self) -> Cut:
        first, end = int(self._min_s / _FRAME_S), int(self._max_s / _FRAME_S)
        with memoryview(self._pcm) as pcm:
            size = self._frame_bytes
            levels = [audioop.rms(pcm[i * size : (i + 1) * size], 2) for i in range(first, end)]
            at, level = _quietest(levels, self._target_s / _FRAME_S - first)
            cut = (first + at) * size
            loud = audioop.rms(pcm[:cut], 2)
        return self._take(cut, is_forced=level > loud * 10 ** (-_QUIET_DB / 20))

    def _take(self, size: int, *, is_forced: bool) -> Cut:
        cut = Cut(self._start / self._rate_hz, bytes(self._pcm[:size]), is_forced)
        del self._pcm[:size]
        self._start += size // 2
        self._pieces_left -= 1
        self._aim()
        return cut

    def _bytes(self, seconds: float) -> int:
        return int(seconds * self._rate_hz) * 2


def _quietest(levels: list[int], target: float) -> tuple[int, float]:
    """Return the frame to cut at and the level around it: quiet first, then near the target."""
    width = min(_SMOOTH, len(levels))
    span = max(target, len(levels) - target)
    total = sum(levels[:width])
    best = (math.inf, 0, 0.0)
    for index in range(len(levels) - width + 1):
        if index:
            total += levels[index + width - 1] - levels[index - 1]
        distance = abs(index + width / 2 - target) / span
        cost = (total / width + 8) * (1 + distance / 2)
        best = min(best, (cost, index + width // 2, total / width))
    return best[1], best[2]
