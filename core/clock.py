"""The one source of time: moments, intervals and waits.

Whoever needs any of them is given a `Clock`, so that tests can give one that need not wait.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back: for intervals."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait for `delay_s` seconds; 0 or less lets other tasks run once."""
        await asyncio.sleep(delay_s)


#: The clock of everything that is not given another one.
CLOCK = Clock()
