"""What stands in a line before a recording."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile

from core.fair_line import FairLine, Waiter


@dataclass(frozen=True, slots=True)
class Ahead:
    """Calls that are let through first, and their length in all."""

    calls: int = 0
    length_s: float = 0.0


def find_ahead(line: FairLine, own: Collection[Waiter], person: str, duration_s: float) -> Ahead:
    """Return what is before the calls `own` of a recording, or would be if it came now."""
    mine = [one for one in own if one in line.waiting]
    turn = min((one.turn for one in mine), default=line.find_turn(person, duration_s))
    is_before = takewhile(lambda one: one not in mine and one.turn <= turn, line.waiting)
    lengths_s = [one.length_s for one in is_before]
    return Ahead(len(lengths_s), sum(lengths_s))
