"""When the jobs that wait for a place will end, by how fast others have ended lately."""

from __future__ import annotations

from collections.abc import Sequence

#: So many ends are remembered, of so long, and fewer say nothing.
MOST_ENDS, _WINDOW_S, _FEWEST = 200, 120.0, 3


def estimate_wait_s(ends_s: Sequence[float], now_s: float, place: int) -> float | None:
    """Return how long the job at `place` takes to its end, None if nothing is known.

    ends_s: the moments at which jobs have ended, the oldest first.
    place: its number among those that run or wait.
    """
    recent_s = [at_s for at_s in ends_s if at_s > now_s - _WINDOW_S]
    if len(recent_s) < _FEWEST:
        return None
    return place * (now_s - recent_s[0]) / len(recent_s)
