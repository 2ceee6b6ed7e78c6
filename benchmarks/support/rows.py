"""Rows of the table of measurements: a figure of Hearsay, that of another side, and a target."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.support.processes import show

#: The other side of many rows: `benchmarks.usual_bot`.
USUAL = "usual bot"
NEEDS_FFMPEG = "needs ffmpeg"


class Figures(NamedTuple):
    """What a row measured. A text stands for a figure that this machine cannot give."""

    ours: float | str
    other: float | str


FAILED = Figures("failed", "failed")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    unit: str
    #: What the other figure is from.
    other: str
    target: float
    measure: Callable[[], Figures]
    #: Otherwise the target is a maximum.
    is_minimum: bool = False
    #: The target is for Hearsay / other.
    is_ratio: bool = False

    def judge(self, found: float | None) -> str:
        if found is None:
            return "not measured"
        is_met = found >= self.target if self.is_minimum else found <= self.target
        return "met" if is_met else "MISSED"

    def cells(self, figures: Figures) -> tuple[str, ...]:
        ours, other = figures
        figure = None if isinstance(ours, str) else ours
        ratio = None
        if figure is not None and not isinstance(other, str) and other:
            ratio = figure / other
        return (
            f"{self.name}, {self.unit}" if self.unit else self.name,
            write(ours),
            write(other),
            self.other,
            "" if ratio is None else f"{ratio:.2f}",
            f"{'≥' if self.is_minimum else '≤'} {write(self.target)}{' ×' * self.is_ratio}",
            self.judge(ratio if self.is_ratio else figure),
        )


HEADER = ("row", "Hearsay", "other", "other side", "Hearsay / other", "target", "verdict")


def write(figure: float | str) -> str:
    if isinstance(figure, str):
        return figure
    return f"{figure:.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.2g}"


def load() -> str:
    """Return how busy this machine is, and how large."""
    averages = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"load average {averages}, {os.cpu_count()} processors"


def measure_all(rows: Sequence[Row], *, is_written: bool = False) -> None:
    """Measure all rows, one after the other, and print them as one table.

    is_written: the documents have it, too. The others are shown, too, if some fail. Raises
    SystemExit then, and writes nothing.
    """
    before, lines, has_failed = load(), [], False
    for number, row in enumerate(rows, 1):
        print(f"{number}/{len(rows)} {row.name}", file=sys.stderr, flush=True)
        try:
            figures = row.measure()
        except Exception:  # noqa: BLE001 - whatever breaks a benchmark
            traceback.print_exc()
            figures, has_failed = FAILED, True
        lines.append(row.cells(figures))
    busy = f"Before: {before}; after: {load()}"
    show(busy, [HEADER, *lines])
    if has_failed:
        sys.exit("not all rows could be measured")
    if is_written:
        from benchmarks.support.documents import write_documents

        write_documents(lines, busy)
