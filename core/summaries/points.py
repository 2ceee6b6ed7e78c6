"""Content of a summary: sections of points, each with its sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.text.timestamps import format_timestamp

Length = Literal["short", "normal", "long"]
Kind = Literal["topic", "decisions", "actions", "questions"]


@dataclass(frozen=True, slots=True)
class Source:
    """The place in the talk that a point is based on."""

    #: The number of the message in its talk, from 1.
    number: int
    #: The second of its recording, None for text.
    second: int | None = None

    @property
    def label(self) -> str:
        """Return its label in prompts, without brackets."""
        moment = "" if self.second is None else f" {format_timestamp(self.second)}"
        return f"#{self.number}{moment}"


@dataclass(frozen=True, slots=True)
class Point:
    """One statement of a summary."""

    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A group of points."""

    kind: Kind
    #: Of a topic: its title and participants.
    title: str = ""
    people: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of a talk or a recording."""

    sections: tuple[Section, ...] = ()
    #: The whole text if it has no points.
    plain: str = ""
    #: True if rules selected it, not a model.
    is_extract: bool = False

    @property
    def points(self) -> list[Point]:
        """Every point, in order."""
        return [point for section in self.sections for point in section.points]


def join_extracts(summaries: Sequence[Summary], count: int) -> Summary:
    """Return the extracts of several parts as one, of at most about `count` points."""
    share = max(1, count // max(1, len(summaries)))
    sections = []
    for summary in summaries:
        points = summary.points
        step = max(1.0, len(points) / share)
        kept = tuple(points[int(n * step)] for n in range(min(share, len(points))))
        if kept:
            sections.append(Section("topic", points=kept))
    return Summary(tuple(sections), is_extract=True)
