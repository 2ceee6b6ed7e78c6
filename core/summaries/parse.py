"""A model's text as a summary. Nothing in it is believed: each source is looked up in the input."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import replace

from core import safety
from core.summaries.moments import find_moments
from core.summaries.points import Kind, Point, Section, Source, Summary
from core.summaries.prompt_input import Talk
from core.text.timestamps import parse_timestamp

#: What other words models use for a section.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("decisions", "decision", "decided", "decisions made"), "decisions"),
    **dict.fromkeys(("决定", "决策", "entscheidungen", "beschlüsse"), "decisions"),
    **dict.fromkeys(("actions", "action items", "action", "to do", "to-do", "todo"), "actions"),
    **dict.fromkeys(("tasks", "next steps", "行动项", "待办", "待办事项", "aufgaben"), "actions"),
    **dict.fromkeys(("questions", "open questions", "open", "offene fragen"), "questions"),
    **dict.fromkeys(("未决问题", "待解决问题", "开放问题", "问题"), "questions"),
}
#: More sources of one point than this prove nothing more.
MAX_SOURCES = 3
_MAX_POINT_CHARS = 600
_MAX_POINTS = 80
_MAX_TITLE_CHARS = 80

_HEADING = re.compile(r"^\s*(?:#{1,6}\s+(?P<a>.+?)\s*#*|\*\*(?P<b>[^*]+)\*\*\s*:?)\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•–—]|\d{1,2}[.)、])\s+(?=\S)")
_CLOCK = r"(?:\d{1,3}:)?\d{1,3}:\d{2}"
_BETWEEN = r"(?:[\s,;@–-]|and\b|和|、)*"
#: Brackets that hold marks and nothing else; a time in round ones is a time of day.
_MARKS = re.compile(
    rf"\s*(?:\[\s*(?:(?:#\d+|{_CLOCK}){_BETWEEN})+\]"
    rf"|[(（【]\s*#\d+(?:{_BETWEEN}(?:#\d+|{_CLOCK}))*\s*[)）】])"
)
_MARK = re.compile(rf"#(?P<number>\d{{1,7}})(?:[\s,@]+(?P<clock>{_CLOCK})\b)?")
_PEOPLE = re.compile(r"^\s*(?:[-*•]\s*)?(?:people|participants|参与者|人物)\s*[:：]\s*(.*)$", re.I)

#: Turns the marks of a point into its sources.
FindSources = Callable[[str], list[Source]]


def read_summary(text: str, find: FindSources, names: Collection[str] = ()) -> Summary:
    """Return what `text` says, point by point; all of it as `plain` where it has no points.

    names: who took part; other names in a heading are no people.
    """
    sections: list[Section] = []
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            sections.append(_read_heading(heading["a"] or heading["b"], names))
        elif line.strip():
            sections = _add(sections or [Section("topic")], line, find, names)
    kept = [section for section in sections if section.points]
    if sum(len(section.points) for section in kept) > _MAX_POINTS:
        kept = _first(kept, _MAX_POINTS)
    return Summary(tuple(kept)) if kept else Summary(plain=drop_marks(text).strip())


def drop_marks(text: str) -> str:
    """Return `text` without the marks of sources."""
    return _MARKS.sub("", text)


def sources_in(talk: Talk) -> FindSources:
    """Return what finds messages of `talk` by their marks: "[#12] [#13 0:12]"."""

    def find(marks: str) -> list[Source]:
        found = (_check(talk, match) for match in _MARK.finditer(marks))
        return [source for source in found if source is not None]

    return find


def sources_at(duration_s: float) -> FindSources:
    """Return what finds moments of one recording: "[2:14]"."""

    def find(marks: str) -> list[Source]:
        seconds = [parse_timestamp(found) for found in re.findall(rf"\b{_CLOCK}\b", marks)]
        return [Source(0, second) for second in seconds if second <= duration_s]

    return find


def _check(talk: Talk, match: re.Match[str]) -> Source | None:
    number = int(match["number"])
    message = talk.find(number)
    if message is None:
        return None
    heard = message.transcript
    if heard is None:
        return Source(number)
    second = parse_timestamp(match["clock"]) if match["clock"] else 0
    if second > heard.duration_s:
        return Source(number)
    # The beginning of what is said then: it is what can be listened to.
    begun = [int(moment.start_s) for moment in find_moments(heard) if moment.start_s < second + 1]
    return Source(number, begun[-1] if begun else second)


def _read_heading(text: str, names: Collection[str]) -> Section:
    title = drop_marks(text).strip(" *:：")
    kind = _KINDS.get(title.lower())
    if kind:
        return Section(kind)
    bare, _, inside = title.rstrip(")）").replace("（", "(").rpartition("(")
    people = _read_people(inside, names) if bare else ()
    return Section("topic", (bare.strip() if people else title)[:_MAX_TITLE_CHARS], people)


def _read_people(text: str, names: Collection[str]) -> tuple[str, ...]:
    parts = (part.strip() for part in re.split(r"[,，、;&]| and | und |和", text))
    return tuple(dict.fromkeys(part for part in parts if part in names))


def _add(
    sections: list[Section], line: str, find: FindSources, names: Collection[str]
) -> list[Section]:
    """Return the sections with what one line adds to the last of them."""
    last = sections[-1]
    if people := _PEOPLE.match(line):
        changed = replace(last, people=last.people or _read_people(people[1], names))
        return [*sections[:-1], changed]
    is_bullet = _BULLET.match(line) is not None
    marks = "".join(_MARKS.findall(line))
    sources = list(dict.fromkeys(find(marks)))[:MAX_SOURCES]
    words = drop_marks(_BULLET.sub("", line)).strip().replace("**", "")[:_MAX_POINT_CHARS]
    if not words or not (is_bullet or sources or last.points):
        return sections
    *points, before = last.points or (Point(""),)
    if not is_bullet and before.text and not (before.sources and sources):
        # It goes on in the next line.
        found = before.sources or tuple(sources)
        points.append(Point(f"{before.text} {words}"[:_MAX_POINT_CHARS], found))
    else:
        points += [point for point in (before, Point(words, tuple(sources))) if point.text]
    return [*sections[:-1], replace(last, points=tuple(points))]


def _first(sections: list[Section], count: int) -> list[Section]:
    kept = []
    for section in sections:
        points = section.points[:count]
        count -= len(points)
        if points:
            kept.append(replace(section, points=points))
    return kept


def defuse_summary(summary: Summary, known: str) -> Summary:
    """Return the summary with every text such that no client makes a link or a ping of it.

    known: the data that the model was given.
    """
    addresses = safety.find_addresses(known)
    sections = tuple(
        replace(
            section,
            title=safety.defuse(section.title, addresses),
            people=tuple(safety.defuse(name, addresses) for name in section.people),
            points=tuple(replace(p, text=safety.defuse(p.text, addresses)) for p in section.points),
        )
        for section in summary.sections
    )
    return replace(summary, sections=sections, plain=safety.defuse(summary.plain, addresses))
