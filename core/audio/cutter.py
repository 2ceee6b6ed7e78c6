"""Cutting of a long recording at quiet points while it is being decoded.

Memory is bounded by one piece. The target length is recomputed after each cut: a fixed one would
often give one piece more than planned, and so another round of parallel calls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from core.audio.segment import audioop

_FRAME_S = 0.02
#: The level is averaged over this many frames.
_SMOOTH = 15
#: Distance from the target within which a quiet point is searched; less would cut words.
_WINDOW_S, _WINDOW_SHARE, _MAX_WINDOW_SHARE = 6.0, 0.15, 0.4
#: A point this much below the piece's level counts as quiet.
_QUIET_DB = 6.0
_SHORTEST_TARGET_S = 10.0
#: The last piece may be this much longer than planned.
_LAST_S = 15.0


@dataclass(frozen=True, slots=True)
class Cut:
    """One piece of 16-bit samples; `is_forced` if its end is not at a quiet point."""

    start_s: float
    pcm: bytes
    is_forced: bool


@dataclass(frozen=True, slots=True)
class CutLimits:
    """Maximum and target length of pieces, and how many are transcribed at once."""

    max_s: float = 180.0
    target_s: float = 45.0
    concurrency: int = 8


def plan(length_s: float | None, limits: CutLimits) -> int:
    """Return the number of pieces for a recording: a multiple of the concurrency if possible."""
    single_s = min(limits.target_s * 0.9, limits.max_s)
    if not length_s or length_s <= single_s:
        return 1
    rounds = math.ceil(length_s / (limits.concurrency * limits.target_s))
    sensible = max(1, int(length_s / (limits.target_s / 3)))
    return max(min(rounds * limits.concurrency, sensible), math.ceil(length_s / limits.max_s))


class Cutter:
    """Cuts a stream of samples into pieces that, joined, equal the input.

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
        """Add samples and yield the pieces that are complete."""
        self._pcm += pcm
        while len(self._pcm) >= int(self._max_s * self._rate_hz) * 2:
            yield self._cut()

    def close(self) -> Iterator[Cut]:
        """Yield the last piece."""
        if self._pcm:
            yield self._take(len(self._pcm), is_forced=False)

    def _aim(self) -> None:
        """Set the window of the next cut from the remaining length."""
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


def _quietest(levels: list[int], target: float) -> tuple[int, float]:
    """Return the frame to cut at and its level, weighing quiet against distance to the target."""
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
