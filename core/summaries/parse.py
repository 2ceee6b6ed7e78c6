"""Parser of a model's summary. Every source in it is verified against the input."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from core import safety
from core.errors import UserError
from core.models import Answer
from core.summaries.points import Kind, Point, Section, Source, Summary
from core.summaries.prompt_input import Talk
from core.text.moments import find_moments
from core.text.timestamps import parse_timestamp

#: Headings that models use for the sections.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("decisions", "decision", "decided", "decisions made"), "decisions"),
    **dict.fromkeys(("决定", "决策", "entscheidungen", "beschlüsse", "решения"), "decisions"),
    **dict.fromkeys(("actions", "action items", "action", "to do", "to-do", "todo"), "actions"),
    **dict.fromkeys(
        ("tasks", "next steps", "行动项", "待办", "待办事项", "aufgaben", "задачи"), "actions"
    ),
    **dict.fromkeys(("questions", "open questions", "open", "offene fragen"), "questions"),
    **dict.fromkeys(
        ("未决问题", "待解决问题", "开放问题", "问题", "открытые вопросы"), "questions"
    ),
}
#: Of one point; further ones add nothing.
MAX_SOURCES = 3
_MAX_POINT_CHARS = 600
_MAX_POINTS = 80
_MAX_TITLE_CHARS = 80
#: The only source of a point whose sources do not exist: it is dropped with all of its lines.
_MADE_UP = Source(-1)

_HEADING = re.compile(r"^\s*(?:#{1,6}\s+(?P<a>\S.*)|\*\*(?P<b>[^*]+)\*\*\s*:?)\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•–—]|\d{1,2}[.)、])\s+(?=\S)")
_CLOCK = r"(?:\d{1,3}:)?\d{1,3}:\d{2}"
_BETWEEN = r"(?:[\s,;@–-]|and\b|和|、)*"
#: Brackets that contain only labels; a time in round brackets is a time of day. A run of spaces
#: is read once, not again from each of them: models can write thousands.
_LABELS = re.compile(
    rf"(?<!\s)\s*+(?:\[\s*(?:(?:#\d+|{_CLOCK}){_BETWEEN})+\]"
    rf"|[(（【]\s*#\d+(?:{_BETWEEN}(?:#\d+|{_CLOCK}))*\s*[)）】])"
)
_LABEL = re.compile(rf"#(?P<number>\d{{1,7}})(?:[\s,@]+(?P<clock>{_CLOCK})\b)?")
_PEOPLE = re.compile(
    r"^\s*(?:[-*•]\s*)?(?:people|participants|参与者|人物|участники)\s*[:：]\s*(.*)$", re.I
)

#: Returns the sources for the labels of a point.
FindSources = Callable[[str], list[Source]]


class NothingTrue(UserError):
    """All sources in the model's summary were made up, and so may be what it says."""

    user_text = "The summary cited only what was never said, so it is not shown. Please try again."


def parse_summaries(
    answers: Sequence[Answer], find: FindSources, names: Collection[str] = ()
) -> list[Summary]:
    """Return the summaries in answers. Raises NothingTrue if nothing is left of any."""
    summaries = [parse_summary(answer.text, find, names) for answer in answers]
    if not any(summary.points or summary.plain for summary in summaries):
        raise NothingTrue
    return summaries


def parse_summary(text: str, find: FindSources, names: Collection[str] = ()) -> Summary:
    """Return the summary in `text`; one without points is returned as `plain`.

    names: the participants; other words in a heading are not people. Points whose sources were
    all made up are left out; if there are no others, the summary is empty.
    """
    sections: list[Section] = []
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            sections.append(_read_heading(heading["a"] or heading["b"], names))
        elif line.strip():
            sections = _add(sections or [Section("topic")], line, find, names)
    is_made_up = any(point.sources == (_MADE_UP,) for one in sections for point in one.points)
    sections = [
        replace(one, points=tuple(point for point in one.points if point.sources != (_MADE_UP,)))
        for one in sections
    ]
    kept = [section for section in sections if section.points]
    if sum(len(section.points) for section in kept) > _MAX_POINTS:
        kept = _first(kept, _MAX_POINTS)
    if kept or is_made_up:
        return Summary(tuple(kept))
    return Summary(plain=drop_labels(text).strip())


def drop_labels(text: str) -> str:
    """Return `text` without source labels."""
    return _LABELS.sub("", text)


def talk_sources(talk: Talk) -> FindSources:
    """Return a function that finds messages of `talk` by labels such as "[#12] [#13 0:12]"."""

    def find(labels: str) -> list[Source]:
        found = (_check(talk, match) for match in _LABEL.finditer(labels))
        return [source for source in found if source is not None]

    return find


def recording_sources(duration_s: float) -> FindSources:
    """Return a function that finds seconds of one recording by labels such as "[2:14]"."""

    def find(labels: str) -> list[Source]:
        seconds = [parse_timestamp(found) for found in re.findall(rf"\b{_CLOCK}\b", labels)]
        return [Source(0, second) for second in seconds if second <= duration_s]

    return find


def _check(talk: Talk, match: re.Match[str]) -> Source | None:
    number = int(match["number"])
    message = talk.find(number)
    if message is None:
        return None
    transcript = message.transcript
    if transcript is None:
        return Source(number)
    second = parse_timestamp(match["clock"]) if match["clock"] else 0
    if second > transcript.duration_s:
        return Source(number)
    # The beginning of the sentence, from which it is played.
    starts = [
        int(moment.start_s) for moment in find_moments(transcript) if moment.start_s < second + 1
    ]
    return Source(number, starts[-1] if starts else second)


def _read_heading(text: str, names: Collection[str]) -> Section:
    title = drop_labels(text.rstrip("# \t")).strip(" *:：")
    kind = _KINDS.get(title.lower())
    if kind:
        return Section(kind)
    bare, _, inside = title.rstrip(")）").replace("（", "(").rpartition("(")
    people = _read_people(inside, names) if bare else ()
    return Section("topic", (bare.strip() if people else title)[:_MAX_TITLE_CHARS], people)


def _read_people(text: str, names: Collection[str]) -> tuple[str, ...]:
    parts = (part.strip() for part in re.split(r"[,，、;&]| and | und | и |和", text))
    return tuple(dict.fromkeys(part for part in parts if part in names))


def _add(
    sections: list[Section], line: str, find: FindSources, names: Collection[str]
) -> list[Section]:
    """Return the sections with one more line added to the last."""
    last = sections[-1]
    if people := _PEOPLE.match(line):
        changed = replace(last, people=last.people or _read_people(people[1], names))
        return [*sections[:-1], changed]
    is_bullet = _BULLET.match(line) is not None
    labels = "".join(_LABELS.findall(line))
    sources = list(dict.fromkeys(find(labels)))[:MAX_SOURCES] or [_MADE_UP] * bool(labels)
    words = drop_labels(_BULLET.sub("", line)).strip().replace("**", "")[:_MAX_POINT_CHARS]
    if not words or not (is_bullet or sources or last.points):
        return sections
    *points, before = last.points or (Point(""),)
    if not is_bullet and before.text and not (before.sources and sources):
        # A continuation line.
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
    """Return the summary without working links and mentions.

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
