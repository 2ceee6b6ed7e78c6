"""How often sessions are begun: Discord takes its token from a bot that begins too many.

It allows 1000 a day; the SDK begins one every five seconds for as long as they fail.
"""

from __future__ import annotations

from core.clock import CLOCK, Clock
from core.errors import PlatformBusy

#: For each shard: so many at once, and then one every so often, 750 on the first day.
MAX_SESSIONS, ONE_PER_S = 30, 120.0
#: The first and the longest wait between two rounds of tries: at most 288 a day.
FIRST_WAIT_S, MAX_WAIT_S = 5.0, 300.0
#: A round that lasted so long was none of failures.
STEADY_S = 600.0


class Sessions:
    """Counts sessions, and spreads rounds of failures. Moments are seconds of `clock`."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._wait_s = FIRST_WAIT_S
        #: Of what may be begun at once, how many sessions are used up.
        self._used = 0.0
        self._counted_s = self._round_s = clock.monotonic()

    def note_session(self, shards: int) -> None:
        """Count a session. Raises PlatformBusy where that would be one too many."""
        now_s, pace_s = self._clock.monotonic(), ONE_PER_S / max(1, shards)
        self._used = max(0.0, self._used - (now_s - self._counted_s) / pace_s)
        self._counted_s = now_s
        over = self._used + 1 - MAX_SESSIONS * max(1, shards)
        if over > 0:
            raise PlatformBusy("too many sessions were begun", retry_after_s=over * pace_s)
        self._used += 1

    def start_round(self) -> None:
        """Take note that connections are opened."""
        self._round_s = self._clock.monotonic()

    def end_round(self) -> float:
        """Take note that they failed; return how long to wait."""
        if self._clock.monotonic() - self._round_s > STEADY_S:
            self._wait_s = FIRST_WAIT_S
        wait_s, self._wait_s = self._wait_s, min(MAX_WAIT_S, self._wait_s * 2)
        return wait_s
