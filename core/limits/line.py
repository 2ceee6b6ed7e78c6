"""A line in which people take turns, however much each of them asks for.

By the length of what they ask for (fair queueing, as in `core.store.work.turns`): a turn is that of
the newest one served, or that of the person's last one in the line that is no longer, whichever is
later, plus the length. So short calls come before long ones, their own person's too, and those of
somebody new before the rest of a flood.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from dataclasses import dataclass
from operator import attrgetter


@dataclass(eq=False, slots=True)
class Waiter:
    """One call, or recording, that waits."""

    #: Whose it is, empty if nobody's in particular.
    person: str
    #: Its length in seconds of audio.
    length_s: float
    turn: float = 0.0
    is_served: bool = False
    #: Only the part that its person leaves to others is free.
    is_held: bool = False


class FairLine:
    """Those who wait."""

    def __init__(self) -> None:
        #: The next one first.
        self.waiting: list[Waiter] = []
        #: The turn of the newest one that was served.
        self._served = 0.0

    def enter(self, one: Waiter) -> None:
        """Add one in its turn."""
        one.turn = self.find_turn(one.person, one.length_s)
        insort(self.waiting, one, key=attrgetter("turn"))

    def find_turn(self, person: str, length_s: float) -> float:
        """Return the turn of one that would enter now."""
        own = (w.turn for w in self.waiting if w.person == person and w.length_s <= length_s)
        return max(self._served, *own, 0.0) + max(1.0, length_s)

    def serve(self, one: Waiter) -> None:
        """Remove one whose turn it is."""
        self.leave(one)
        self._served = max(self._served, one.turn)

    def leave(self, one: Waiter) -> None:
        """Remove one, unless it was removed before."""
        if one in self.waiting:
            self.waiting.remove(one)


class FairSlots:
    """A semaphore whose slots people take in turns."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._line = FairLine()
        self._events: dict[Waiter, asyncio.Event] = {}

    async def acquire(self, person: str, length_s: float = 1.0) -> None:
        """Take a slot once it is free and this person's turn."""
        one, event = Waiter(person, length_s), asyncio.Event()
        self._line.enter(one)
        self._events[one] = event
        self._serve()
        try:
            await event.wait()
        except asyncio.CancelledError:
            if one.is_served:
                self.release()
            raise
        finally:
            self._line.leave(one)
            del self._events[one]

    def release(self) -> None:
        """Give a slot back."""
        self._free += 1
        self._serve()

    def _serve(self) -> None:
        while self._free and self._line.waiting:
            one = self._line.waiting[0]
            self._line.serve(one)
            self._free, one.is_served = self._free - 1, True
            self._events[one].set()
