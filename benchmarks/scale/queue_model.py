"""The queue of many workers as a model: turns, the order of a chat, and reserved places.

As `core.store.work.turns` and `core.jobs.shared_queue` have them: people take turns by the length
of their recordings, one job of a chat runs at a time, and some places are left to people who have
few jobs open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from core.store.work.turns import SHARE


@dataclass(frozen=True)
class Arrival:
    """A job that arrives: when, whose it is, and for how long it takes a place."""

    at_s: float
    person: int
    chat: int
    took_s: float
    #: What it counts for among turns, in seconds of audio.
    cost_s: int = 15


@dataclass(frozen=True)
class Run:
    """When a job arrived, began and ended, in seconds."""

    at_s: float
    began_s: float
    ended_s: float

    @property
    def wait_s(self) -> float:
        return self.began_s - self.at_s

    @property
    def took_s(self) -> float:
        return self.ended_s - self.began_s


def mean_wait_s(runs: Sequence[Run]) -> float:
    return sum(run.wait_s for run in runs) / len(runs)


def notes_per_s(runs: Sequence[Run]) -> float:
    """Return the throughput from the first arrival to the last end."""
    return len(runs) / (max(run.ended_s for run in runs) - min(run.at_s for run in runs))


class Model:
    """Workers, and the jobs that wait for them."""

    def __init__(
        self, arrivals: Sequence[Arrival], places: tuple[int, int], start_s: float
    ) -> None:
        """places: for people with few open jobs, and for all. start_s: until a free one begins."""
        self._arrivals, self._start_s = arrivals, start_s
        self._free = {True: places[0], False: places[1]}
        #: By turn and arrival: of people with few open jobs, and the others.
        self._waiting: dict[bool, list[tuple[float, int]]] = {True: [], False: []}
        self._open, self._turns = Counter[int](), dict[int, float]()
        self._busy, self._runs = set[int](), dict[int, Run]()
        #: When a job ends, which, and whether its place is a reserved one.
        self._ends: list[tuple[float, int, bool]] = []
        self._newest = 0.0

    def run(self) -> list[Run]:
        """Return how all jobs ran, in order of arrival."""
        coming = iter(sorted(range(len(self._arrivals)), key=lambda n: self._arrivals[n].at_s))
        number = next(coming, None)
        while number is not None or self._ends:
            if number is not None and not self._ends_before(self._arrivals[number].at_s):
                now_s = self._arrivals[number].at_s
                self._add(number)
                number = next(coming, None)
            else:
                now_s = self._end()
            self._begin_all(now_s)
        return [self._runs[number] for number in range(len(self._arrivals))]

    def _ends_before(self, at_s: float) -> bool:
        return bool(self._ends) and self._ends[0][0] <= at_s

    def _add(self, number: int) -> None:
        one = self._arrivals[number]
        is_running = self._newest if self._ends else one.at_s
        last = self._turns.get(one.person, 0.0) if self._open[one.person] else 0.0
        turn = max(min(is_running, one.at_s), last) + one.cost_s
        self._turns[one.person] = turn
        heappush(self._waiting[self._open[one.person] < SHARE], (turn, number))
        self._open[one.person] += 1

    def _end(self) -> float:
        now_s, number, is_reserved = heappop(self._ends)
        self._free[is_reserved] += 1
        self._busy.discard(self._arrivals[number].chat)
        self._open[self._arrivals[number].person] -= 1
        return now_s

    def _begin_all(self, now_s: float) -> None:
        for is_reserved in (True, False):
            while self._free[is_reserved] and (found := self._take(is_reserved)) is not None:
                self._begin(found, now_s, is_reserved)

    def _take(self, is_reserved: bool) -> int | None:
        """Return the next job whose chat is free, None if there is none for such a place."""
        queues = (True,) if is_reserved else (True, False)
        passed: list[tuple[bool, tuple[float, int]]] = []
        found = None
        while found is None and (heads := [q for q in queues if self._waiting[q]]):
            queue = min(heads, key=lambda name: self._waiting[name][0])
            entry = heappop(self._waiting[queue])
            if self._arrivals[entry[1]].chat in self._busy:
                passed.append((queue, entry))
            else:
                self._newest, found = entry
        for queue, entry in passed:
            heappush(self._waiting[queue], entry)
        return found

    def _begin(self, number: int, now_s: float, is_reserved: bool) -> None:
        one, began_s = self._arrivals[number], now_s + self._start_s
        self._free[is_reserved] -= 1
        self._busy.add(one.chat)
        ended_s = began_s + one.took_s
        self._runs[number] = Run(one.at_s, began_s, ended_s)
        heappush(self._ends, (ended_s, number, is_reserved))


def simulate(
    arrivals: Sequence[Arrival], places: tuple[int, int], start_s: float = 0.0
) -> list[Run]:
    """Return how jobs run. places: for people with few open jobs, and for all."""
    return Model(arrivals, places, start_s).run()
