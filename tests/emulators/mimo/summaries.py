"""Rule-based summaries, in the format that the bot asks a model for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

#: "#12 14:05 Anna (to #7) (voice 0:48): [0:00] words [0:12] words".
_LINE = re.compile(
    r"^#(?P<number>\d+) \d\d:\d\d (?P<name>.+?)(?: \(to #\d+\))?(?: \((?P<note>voice|a )[^)]*\))?: "
    r"(?P<text>.*)$",
    re.MULTILINE,
)
_TOPIC = re.compile(r"^=== (?:topic (\d+)|in no topic) ===$", re.MULTILINE)
#: A point of a partial summary, and a line of a single recording.
_POINT = re.compile(r"^- .*\[#\d+[^\]]*\]$", re.MULTILINE)
_MOMENT = re.compile(r"^\[(\d+(?::\d\d){1,2})\] (.+)$", re.MULTILINE)
_MARKS = re.compile(r"\s*\[#[^\]]*\]")
_SECOND = re.compile(r"\[(\d+(?::\d\d){1,2})\] ")
_KINDS = (
    ("DECISIONS", re.compile(r"\b(?:decided|agreed|we go with|settled)\b", re.IGNORECASE)),
    ("ACTIONS", re.compile(r"\b(?:I will|I'll|going to)\b", re.IGNORECASE)),
    ("QUESTIONS", re.compile(r"\?\s*$")),
)
T = TypeVar("T")
_WORDS = 12
_POINTS = 5


def summarize(text: str) -> str:
    """Return a summary of a conversation, of partial summaries or of a recording, else "".

    A conversation: some voice messages and messages of each topic, then decisions, actions and
    questions.
    """
    if _LINE.search(text):
        return "\n".join([*_sum_up_topics(text), *_sum_up_kinds(text)])
    if points := _POINT.findall(text):
        return "\n".join(["## All parts", *_spread(points, 2 * _POINTS)])
    moments = [f"- {_shorten(words)} [{at}]" for at, words in _MOMENT.findall(text)]
    return "\n".join(_spread(moments, _POINTS))


def perform(text: str) -> str:
    """Return a summary as a script, with a host and the speakers of its points."""
    lines = ["HOST: This is what was said."]
    for point in _POINT.findall(text):
        words = _MARKS.sub("", point.removeprefix("- "))
        name, said, rest = words.partition(" said: ")
        lines.append(f"{name}: {rest}" if said else f"HOST: {words}")
    return "\n".join(lines)


def _sum_up_topics(text: str) -> Iterable[str]:
    starts = [(match.end(), match[1] or "0") for match in _TOPIC.finditer(text)] or [(0, "0")]
    ends = [*(start for start, _ in starts[1:]), len(text)]
    for (start, number), end in zip(starts, ends, strict=True):
        lines = list(_LINE.finditer(text, start, end))
        if not lines:
            continue
        # A summary that ignores voice messages must not pass: at least one is included.
        spoken = [line for line in lines if line["note"] == "voice"][:2]
        chosen = list(dict.fromkeys([*spoken, *_spread(lines, _POINTS - len(spoken))]))
        people = dict.fromkeys(line["name"] for line in chosen)
        yield f"## Topic {number} ({', '.join(people)})"
        yield from (_make_point(line) for line in chosen)


def _sum_up_kinds(text: str) -> Iterable[str]:
    for title, pattern in _KINDS:
        lines = [line for line in _LINE.finditer(text) if pattern.search(line["text"])]
        if lines:
            yield f"## {title}"
            yield from (_make_point(line) for line in _spread(lines, 3))


def _make_point(line: re.Match[str]) -> str:
    seconds = _SECOND.findall(line["text"])
    words = _SECOND.split(line["text"])[-1]
    mark = f"#{line['number']}" + (f" {seconds[-1]}" if seconds else "")
    return f"- {line['name']} said: {_shorten(words)} [{mark}]"


def _shorten(words: str) -> str:
    return " ".join(words.split()[:_WORDS])


def _spread(items: list[T], count: int) -> list[T]:
    """Return at most `count` items, evenly spread over the list."""
    step = max(1, -(-len(items) // max(count, 1)))
    return items[::step]
