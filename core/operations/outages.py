"""Outages: a database or a platform that fails for so long that operators are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from core.clock import Clock
from core.interfaces import Platform
from core.store.operations.probes import Probes

#: Interval between attempts to write a database that nobody writes, which keeps the disk awake;
#: after one that failed the next follows at once.
WRITE_CHECK_S = 300.0
#: How long the database or a platform has to fail.
UNWRITABLE_S, AWAY_S = 30.0, 120.0


class Outages:
    """Tries the database, looks at the platforms, and knows since when each fails."""

    def __init__(self, probes: Probes, clock: Clock) -> None:
        self._probes = probes
        self._clock = clock
        #: Why the database could not be written for `UNWRITABLE_S`, until that was reported.
        self.unwritable = ""
        self.is_writable = True
        self._tried_at_s = float("-inf")
        #: Since when each platform, and the database, fails; since when each platform is ready.
        self._failing_from_s: dict[str, float] = {}
        self._ready_from: dict[str, datetime] = {}

    async def check_writes(self) -> None:
        """Find out whether the database can be written. A full disk is another matter."""
        now_s = self._clock.monotonic()
        if self.is_writable and now_s - self._tried_at_s < WRITE_CHECK_S:
            return
        self._tried_at_s = now_s
        reason = "" if self._probes.fault else await self._probes.check_writes()
        self.is_writable = not reason
        if self._has_lasted("database", UNWRITABLE_S, is_failing=bool(reason)):
            self.unwritable = f"The database could not be written: {reason}."

    def note_told(self) -> None:
        """Take notice that operators were told of what is in `unwritable`."""
        if self.is_writable:
            self.unwritable = ""

    def find_away(self, platforms: Mapping[str, Platform]) -> list[str]:
        """Return the platforms from which nothing has been received for `AWAY_S`."""
        for name, platform in platforms.items():
            if platform.is_ready:
                self._ready_from.setdefault(name, self._clock.now())
            else:
                self._ready_from.pop(name, None)
        return [
            name
            for name, platform in platforms.items()
            # One that is locked is reported as such.
            if self._has_lasted(f"platform {name}", AWAY_S, is_failing=not platform.is_ready)
            and not platform.is_locked
        ]

    def is_back(self, name: str, began_at: datetime) -> bool:
        """Return whether a platform is ready, of which an incident has begun at a moment.

        Perhaps in another process, which does not end because this one was ready all the time.
        """
        ready_from = self._ready_from.get(name)
        is_new = not self._probes.is_shared or (ready_from is not None and ready_from > began_at)
        return ready_from is not None and is_new

    def _has_lasted(self, what: str, least_s: float, *, is_failing: bool) -> bool:
        if not is_failing:
            self._failing_from_s.pop(what, None)
            return False
        now_s = self._clock.monotonic()
        return now_s - self._failing_from_s.setdefault(what, now_s) >= least_s
