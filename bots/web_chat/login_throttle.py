"""Login throttling: per client, and for all of them together.

After some failures each attempt of a client is delayed longer. A botnet has as many addresses as it
likes, so everybody's failures slow down every attempt a little, and then one is made at a time:
less than a hundred passwords a minute are tried, from however many addresses. Clients that have
logged in before have a turn of their own, for which they need not compete with a botnet.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.clock import CLOCK, Clock

#: Failures without a delay: people mistype.
FREE_ATTEMPTS = 4
#: The delay doubles from one second up to this.
MAX_WAIT_S = 60.0
#: Clients that are remembered; the least recent is dropped first.
MAX_CLIENTS = 1000
#: Failures of everybody in the last minute that slow down nobody.
FREE_FAILURES = 20
#: What each further one adds to every attempt, and the most that they add.
_SLOWER_S, MAX_SLOWNESS_S = 0.05, 3.0
_RECENT_S = 60.0


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    allowed_at_s: float = 0.0


class LoginThrottle:
    """Failed logins per client and in all, and the delays of the next attempt."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._attempts: OrderedDict[str, _Attempts] = OrderedDict()
        #: When the last failures of everybody happened; more would slow down no further.
        most = FREE_FAILURES + round(MAX_SLOWNESS_S / _SLOWER_S)
        self._failed_at_s: deque[float] = deque(maxlen=most)
        #: Clients that have logged in, the first to be forgotten first.
        self._known: OrderedDict[str, None] = OrderedDict()
        #: Whether a slow attempt is under way: of a known client, and of another one.
        self._under_way = {True: False, False: False}

    def wait_s(self, client: str) -> float:
        """Return the time until `client` may try again, 0 = now."""
        attempts = self._attempts.get(client)
        return max(0.0, attempts.allowed_at_s - self._clock.monotonic()) if attempts else 0.0

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[float]:
        """Wait as long as an attempt takes now; yield 0, or the time until `client` may try again.

        The attempt is to be judged within the context, without a pause.
        """
        slowness_s, is_known = self.slowness_s(), client in self._known
        if not slowness_s or self._under_way[is_known]:
            yield max(slowness_s, self.wait_s(client))
            return
        self._under_way[is_known] = True
        try:
            await self._clock.sleep(slowness_s)
            # There may have been failures of this client meanwhile.
            yield self.wait_s(client)
        finally:
            self._under_way[is_known] = False

    def slowness_s(self) -> float:
        """Return how long every attempt takes now, whoever makes it."""
        recent_s = self._clock.monotonic() - _RECENT_S
        while self._failed_at_s and self._failed_at_s[0] <= recent_s:
            self._failed_at_s.popleft()
        return max(0, len(self._failed_at_s) - FREE_FAILURES) * _SLOWER_S

    def add_failure(self, client: str) -> int:
        """Count a failure. Return how many there were."""
        self._failed_at_s.append(self._clock.monotonic())
        attempts = self._attempts.setdefault(client, _Attempts())
        self._attempts.move_to_end(client)
        attempts.count += 1
        if attempts.count > FREE_ATTEMPTS:
            # The power is bounded too: floats end at 2**1024.
            wait_s = min(MAX_WAIT_S, 2.0 ** min(attempts.count - FREE_ATTEMPTS - 1, 20))
            attempts.allowed_at_s = self._clock.monotonic() + wait_s
        if len(self._attempts) > MAX_CLIENTS:
            self._attempts.popitem(last=False)
        return attempts.count

    def reset(self, client: str) -> None:
        """Forget the failures of a client that knows the password, and remember the client."""
        self._attempts.pop(client, None)
        self._known[client] = None
        self._known.move_to_end(client)
        if len(self._known) > MAX_CLIENTS:
            self._known.popitem(last=False)
