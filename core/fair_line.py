"""A line in which people take turns, however much each of them asks for.

By the length of what they ask for (fair queueing, as in `core.store.work.turns`): a turn is that of
the newest one served, or that of the person's last one in the line that is no longer, whichever is
later, plus the length. So short calls come before long ones, their own person's too, and those of
somebody new before the rest of a flood.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
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
    #: It leaves a slot to what is short.
    is_long: bool = False
    #: It waits no more.
    is_gone: bool = False


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


#: Returns the place of somebody in a line, 1 for the next; 0 once it was their turn.
FindPlace = Callable[[], int]
OnQueued = Callable[[FindPlace], None]
#: Its body waits for a slot.
WaitInLine = Callable[[], AbstractContextManager[None]]


class FairSlots:
    """A semaphore whose slots people take in turns. Who holds none comes before who holds some."""

    def __init__(self, count: int, wait: WaitInLine, *, most_long: int | None = None) -> None:
        """most_long: so many slots may be held by what is long."""
        self._free, self._free_for_long = count, count if most_long is None else most_long
        #: How many each person holds.
        self._held = Counter[str]()
        self._wait, self._line = wait, FairLine()
        self._events: dict[Waiter, asyncio.Event] = {}
        #: Called when somebody begins to wait.
        self.on_wanted: Callable[[], None] = lambda: None

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._line.waiting)

    async def acquire(
        self,
        person: str,
        length_s: float = 1.0,
        *,
        is_long: bool = False,
        on_wait: OnQueued | None = None,
    ) -> None:
        """Take a slot once it is free and this person's turn. on_wait: called if it is not yet."""
        if not self._line.waiting and self._free and (self._free_for_long or not is_long):
            self._free, self._free_for_long = self._free - 1, self._free_for_long - is_long
            self._held[person] += 1
            return
        one, event = Waiter(person, length_s, is_long=is_long), asyncio.Event()
        self._line.enter(one)
        self._events[one] = event
        self._serve()
        self.on_wanted()
        if on_wait and not one.is_served:
            on_wait(partial(self._find_place, one))
        try:
            with self._wait():
                await event.wait()
        except asyncio.CancelledError:
            if one.is_served:
                self.release(person, is_long=is_long)
            raise
        finally:
            self._line.leave(one)
            del self._events[one]

    def release(self, person: str, *, is_long: bool = False) -> None:
        """Give back a slot that this person has taken."""
        self._free, self._free_for_long = self._free + 1, self._free_for_long + is_long
        self._held -= Counter((person,))
        if self._line.waiting:
            self._serve()

    def _find_place(self, one: Waiter) -> int:
        waiting = self._line.waiting
        return waiting.index(one) + 1 if one in waiting else 0

    def _serve(self) -> None:
        while self._free and (one := self._find_next()):
            self._line.serve(one)
            self._free, self._free_for_long = self._free - 1, self._free_for_long - one.is_long
            self._held[one.person] += 1
            one.is_served = True
            self._events[one].set()

    def _find_next(self) -> Waiter | None:
        may_go = [one for one in self._line.waiting if self._free_for_long or not one.is_long]
        return next((one for one in may_go if not self._held[one.person]), next(iter(may_go), None))
