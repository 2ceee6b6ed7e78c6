"""Pace of new gateway sessions: Discord resets the token of a bot that starts too many.

It allows 1000 a day; discord.py starts one every five seconds for as long as they fail.
"""

from __future__ import annotations

from core.clock import CLOCK, Clock
from core.errors import PlatformBusy

#: Per shard: a burst, then one per interval; 750 on the first day.
MAX_SESSIONS, ONE_PER_S = 30, 120.0
#: First and longest wait between two rounds of connecting: at most 288 a day.
FIRST_WAIT_S, MAX_WAIT_S = 5.0, 300.0
#: A round that lasted longer does not count as failed.
STEADY_S = 600.0


class SessionPacer:
    """Counts sessions and backs off after failed rounds. Times are seconds of `clock`."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._wait_s = FIRST_WAIT_S
        #: How much of the burst is used up, in sessions.
        self._used = 0.0
        self._counted_s = self._round_s = clock.monotonic()

    def note_session(self, shards: int) -> None:
        """Count a new session. Raises PlatformBusy if that is one too many."""
        now_s, interval_s = self._clock.monotonic(), ONE_PER_S / max(1, shards)
        self._used = max(0.0, self._used - (now_s - self._counted_s) / interval_s)
        self._counted_s = now_s
        over = self._used + 1 - MAX_SESSIONS * max(1, shards)
        if over > 0:
            raise PlatformBusy("too many sessions were started", retry_after_s=over * interval_s)
        self._used += 1

    def start_round(self) -> None:
        """Note that connecting starts."""
        self._round_s = self._clock.monotonic()

    def end_round(self) -> float:
        """Note that the connections failed; return how long to wait."""
        if self._clock.monotonic() - self._round_s > STEADY_S:
            self._wait_s = FIRST_WAIT_S
        wait_s, self._wait_s = self._wait_s, min(MAX_WAIT_S, self._wait_s * 2)
        return wait_s
