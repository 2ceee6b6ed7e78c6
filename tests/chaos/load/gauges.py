"""What processes use over time, as samples, and how it grows."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

from tests.chaos.load.systems import System
from tests.chaos.running_program import RunningProgram

HEAD = (
    *("process", "MB at first", "MB halfway", "MB at last", "MB per hour", "MB of workers"),
    *("descriptors", "threads", "tasks"),
)
#: Samples: seconds and value.
Series = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Growth:
    """A value at three times of a run, each the median of an eighth of it, and its slope."""

    first: float
    half: float
    last: float
    #: Per hour, of the second half.
    slope: float

    @classmethod
    def of(cls, series: Series) -> Growth:
        values = [value for _, value in series]
        size = max(1, len(values) // 8)
        middle = len(values) // 2
        parts = values[:size], values[middle : middle + size], values[-size:]
        first, half, last = map(statistics.median, parts)
        late = series[middle:]
        slope = statistics.linear_regression([at for at, _ in late], [one for _, one in late])[0]
        return cls(first, half, last, slope * 3600)

    @property
    def late(self) -> float:
        """Growth in the second half."""
        return self.last - self.half

    def __str__(self) -> str:
        return f"{self.first:.0f}, {self.half:.0f}, {self.last:.0f}"


class Gauges:
    """Samples of each process, and of the database's connections."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._began_s = time.monotonic()
        self._series: defaultdict[tuple[str, str], Series] = defaultdict(list)

    def sample(self) -> None:
        """Take note of what is used now."""
        for one in self._system.processes:
            for name, value in self._measure(one).items():
                self._add(self._system.name(one), name, value)
        self._add("database", "connections", self._system.connections())

    def growth(self, process: str, name: str) -> Growth:
        """Return how one value has grown."""
        return Growth.of(self._series[process, name])

    @property
    def connections(self) -> Growth:
        """Growth of the number of the database's connections."""
        return self.growth("database", "connections")

    def table(self) -> Iterable[Sequence[object]]:
        """Return the rows under `HEAD`."""
        for one in self._system.processes:
            name = self._system.name(one)
            memory, workers = self.growth(name, "memory"), self.growth(name, "workers")
            sizes = (memory.first, memory.half, memory.last, memory.slope, workers.last)
            rest = (self.growth(name, what) for what in ("descriptors", "threads", "tasks"))
            yield name, *(f"{size:.1f}" for size in sizes), *rest

    def _measure(self, process: RunningProgram) -> dict[str, float]:
        found = psutil.Process(process.pid)
        workers = 0
        for child in found.children(recursive=True):
            try:
                workers += child.memory_info().rss
            except psutil.Error:
                continue  # it has ended just now
        return {
            "memory": found.memory_info().rss / 2**20,
            "workers": workers / 2**20,
            "descriptors": found.num_fds(),
            "threads": found.num_threads(),
            "tasks": self._system.loop(process).tasks,
        }

    def _add(self, process: str, name: str, value: float) -> None:
        self._series[process, name].append((time.monotonic() - self._began_s, value))
