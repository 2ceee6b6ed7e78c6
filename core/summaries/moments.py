"""When within a recording something was said, as finely as can be told."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from core.models import Segment, Transcript

#: Longer stretches are parted at the ends of sentences.
_LONG_S = 8.0
#: What is played of a recording, if no sentence takes longer.
EXCERPT_S = 15.0
#: A full stop after a letter, or as after "Mr", ends no sentence.
_SENTENCE = re.compile(
    r".+?(?:(?:[!?…]+|(?<!\b\w)(?<!\b[A-Z][a-z])\.+)[\"'”’)]*(?=\s|$)|[。！？]+[”’）]*|$)\s*",
    re.DOTALL,
)
#: So many pauses of a stretch are looked at, the longest ones.
_MOST_PAUSES = 24
#: What a second of pause is worth, and what it costs to end a sentence where there is none.
_PAUSE_WORTH, _NO_PAUSE_COST = 0.4, 0.6
#: Added to lengths that are compared: a second more or less matters little to a long sentence.
_SLACK_S = 0.4

Pause = tuple[float, float]


class _Place(NamedTuple):
    """Where a sentence may end: when, when the next begins, how long was spoken before it."""

    start_s: float
    end_s: float
    spoken_s: float
    cost: float


@lru_cache(maxsize=128)  # a summary asks for those of a note once for each point that it has
def find_moments(heard: Transcript) -> tuple[Segment, ...]:
    """Return what was said with its times.

    Some engines tell one time for a minute of speech. Such a stretch is parted by sentence, at
    those of its pauses that give each sentence about the time that its letters need.
    """
    segments = heard.segments or (Segment(0.0, heard.duration_s, heard.text),)
    return tuple(moment for segment in segments for moment in _part(segment, heard.pauses))


def _part(segment: Segment, pauses: Sequence[Pause]) -> list[Segment]:
    if segment.end_s - segment.start_s <= _LONG_S:
        return [segment] if segment.text.strip() else []
    sentences = [found.strip() for found in _SENTENCE.findall(segment.text) if found.strip()]
    if not sentences:
        return []
    places = _find_places(segment, [len(sentence) for sentence in sentences], pauses)
    return [
        Segment(before.end_s, after.start_s, sentence)
        for (before, after), sentence in zip(pairwise(places), sentences, strict=True)
    ]


def _find_places(segment: Segment, lengths: Sequence[int], pauses: Sequence[Pause]) -> list[_Place]:
    """Return where the stretch begins, where each sentence ends, and where the stretch ends."""
    first, *inner, last = _list_places(segment, pauses)
    per_char_s = (last.spoken_s or 1.0) / max(1, sum(lengths))
    said = 0
    for length in lengths[:-1]:
        said += length
        at_s = first.end_s + (last.start_s - first.end_s) * said / max(1, sum(lengths))
        inner.append(_Place(at_s, at_s, per_char_s * said, _NO_PAUSE_COST))
    places = [first, *sorted(inner), last]
    return _choose(places, [length * per_char_s for length in lengths])


def _list_places(segment: Segment, pauses: Sequence[Pause]) -> list[_Place]:
    """Return the beginning of a stretch, its pauses, and its end."""
    inside = [p for p in pauses if p[0] >= segment.start_s - 0.1 and p[1] <= segment.end_s + 0.1]
    begin_s, end_s = segment.start_s, segment.end_s
    if inside and inside[0][0] <= begin_s + 0.1:
        begin_s = inside.pop(0)[1]
    if inside and inside[-1][1] >= end_s - 0.1:
        end_s = inside.pop()[0]
    kept = sorted(inside, key=lambda p: p[0] - p[1])[:_MOST_PAUSES]
    places, silent_s = [_Place(begin_s, begin_s, 0.0, 0.0)], 0.0
    for pause in inside:
        length_s = pause[1] - pause[0]
        if pause in kept:
            spoken_s = pause[0] - begin_s - silent_s
            places.append(_Place(*pause, spoken_s, -_PAUSE_WORTH * min(length_s, 1.0)))
        silent_s += length_s
    return [*places, _Place(end_s, end_s, max(0.0, end_s - begin_s - silent_s), 0.0)]


def _choose(places: Sequence[_Place], wanted_s: Sequence[float]) -> list[_Place]:
    """Return the places that suit the lengths of all sentences best: the cheapest way through."""
    costs: list[dict[int, tuple[float, int]]] = [{0: (0.0, -1)}]
    count = len(wanted_s)
    for number, want_s in enumerate(wanted_s, 1):
        ends = range(len(places))[-1:] if number == count else range(number, len(places) - 1)
        row: dict[int, tuple[float, int]] = {}
        for end in ends:
            ways = (
                (cost + _misfit(places[start], places[end], want_s), start)
                for start, (cost, _) in costs[-1].items()
                if start < end
            )
            if (best := min(ways, default=None)) is not None:
                row[end] = best
        costs.append(row)
    at, chosen = len(places) - 1, []
    for row in reversed(costs):
        chosen.append(places[at])
        at = row[at][1]
    return chosen[::-1]


def _misfit(start: _Place, end: _Place, want_s: float) -> float:
    took_s = max(0.0, end.spoken_s - start.spoken_s)
    return math.log((took_s + _SLACK_S) / (want_s + _SLACK_S)) ** 2 + end.cost


def find_end(heard: Transcript | None, start_s: float) -> float:
    """Return up to where what begins at `start_s` is worth being heard: whole sentences."""
    end_s = start_s + EXCERPT_S
    if heard is None:
        return end_s
    moments = [moment for moment in find_moments(heard) if moment.end_s > start_s + 1]
    ends = [moment.end_s for moment in moments if moment.end_s <= end_s]
    first = moments[0].end_s if moments else end_s
    return min(max([first, *ends]), start_s + 2 * EXCERPT_S)
