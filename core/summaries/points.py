"""What a summary holds: points by section, each with where it was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.text.timestamps import format_timestamp

Length = Literal["short", "normal", "long"]
Kind = Literal["topic", "decisions", "actions", "questions"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a point was said."""

    #: The number of the message in its talk, from 1.
    number: int
    #: The second of its recording, None where it was written.
    second: int | None = None

    @property
    def mark(self) -> str:
        """How a prompt names it."""
        moment = "" if self.second is None else f" {format_timestamp(self.second)}"
        return f"#{self.number}{moment}"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was said."""

    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Points that belong together."""

    kind: Kind
    #: Of a topic: what it is called, and who took part.
    title: str = ""
    people: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told of a talk."""

    sections: tuple[Section, ...] = ()
    #: All of it, where no point could be read.
    plain: str = ""
    #: True when it was picked by a rule and not understood.
    is_extract: bool = False

    @property
    def points(self) -> list[Point]:
        """Every point, in order."""
        return [point for section in self.sections for point in section.points]


def join_extracts(summaries: Sequence[Summary], count: int) -> Summary:
    """Return what rules picked of the parts of a talk, at most about `count` points in all."""
    share = max(1, count // max(1, len(summaries)))
    sections = []
    for summary in summaries:
        points = summary.points
        step = max(1.0, len(points) / share)
        kept = tuple(points[int(n * step)] for n in range(min(share, len(points))))
        if kept:
            sections.append(Section("topic", points=kept))
    return Summary(tuple(sections), is_extract=True)
