"""Times of sentences and of subtitle cues.

They are estimated from pauses where an engine returns only coarse ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from core.models import Segment, Transcript
from core.text.scripts import LETTER, UNSPACED, count_columns
from core.text.split import halve, split_sentences

#: Longer segments are split at the ends of sentences.
_LONG_S = 8.0
#: Length of a played excerpt, if no sentence takes longer.
EXCERPT_S = 15.0
#: The longest cue: two lines of 42 columns, as long as two lines stay on a screen.
CUE_S, CUE_COLUMNS = 7.0, 84
#: A shorter text is not cut however long it takes: its cue ends early.
_SHORT_CHARS = 16
#: Of a segment, only the longest pauses are considered.
_MOST_PAUSES = 24
#: More in one segment are not placed by its pauses: the search takes the cube of their number.
_MOST_SENTENCES = 100
#: Bonus for each second of a pause, and cost of a sentence end without one.
_PAUSE_BONUS, _NO_PAUSE_COST = 0.4, 0.6
#: No sentence takes less, and the cost of one that would.
_SHORTEST_S, _TOO_SHORT_COST = 0.1, 100.0
#: Added to durations before their ratio is taken, so that short ones weigh less.
_SLACK_S = 0.4

#: A word with its apostrophes, hyphens and points, or one character of an unspaced script.
_WORD = re.compile(rf"[{UNSPACED}]|{LETTER}+(?:['’.,:-]{LETTER}+)*")

Pause = tuple[float, float]


class _Boundary(NamedTuple):
    """A possible end of a sentence: the pause, and the seconds of speech before it."""

    start_s: float
    end_s: float
    spoken_s: float
    cost: float


@lru_cache(maxsize=128)  # a summary asks once per point
def find_moments(transcript: Transcript) -> tuple[Segment, ...]:
    """Return the sentences of a transcript with their times.

    Some engines return one time for a minute of speech. Such a segment is split by sentence, at
    the pauses that give each sentence about the time that its letters need.
    """
    segments = transcript.segments or (Segment(0.0, transcript.duration_s, transcript.text),)
    return tuple(moment for segment in segments for moment in _split(segment, transcript.pauses))


@lru_cache(maxsize=8)
def find_cues(transcript: Transcript) -> tuple[Segment, ...]:
    """Return a transcript in cues of at most CUE_S and CUE_COLUMNS, by sentence or clause."""
    pauses = transcript.pauses
    return tuple(cue for moment in find_moments(transcript) for cue in _cut_cue(moment, pauses))


def find_words(transcript: Transcript) -> list[Segment]:
    """Return the words of a transcript with estimated times, without punctuation.

    Within a cue each word takes as much time as it has letters; in unspaced scripts each
    character is a word.
    """
    found: list[Segment] = []
    for cue in find_cues(transcript):
        words = _WORD.findall(cue.text)
        edges = [boundary.start_s for boundary in _spread(cue, words)] if words else []
        found += [
            Segment(start_s, end_s, word)
            for (start_s, end_s), word in zip(pairwise(edges), words, strict=True)
        ]
    return found


def _cut_cue(segment: Segment, pauses: Sequence[Pause]) -> list[Segment]:
    """Return a sentence as it is, or cut in two until the parts are short enough."""
    text, length_s = " ".join(segment.text.split()), segment.end_s - segment.start_s
    is_brief = length_s <= CUE_S or len(text) <= _SHORT_CHARS
    if is_brief and count_columns(text) <= CUE_COLUMNS:
        return [Segment(segment.start_s, min(segment.end_s, segment.start_s + CUE_S), text)]
    pauses = [p for p in pauses if p[1] > segment.start_s and p[0] < segment.end_s]
    parts = _set_times(segment, halve(text), pauses)
    return [cue for part in parts for cue in _cut_cue(part, pauses)]


def _split(segment: Segment, pauses: Sequence[Pause]) -> list[Segment]:
    if segment.end_s - segment.start_s <= _LONG_S:
        return [segment] if segment.text.strip() else []
    sentences = split_sentences(segment.text)
    return _set_times(segment, sentences, pauses) if sentences else []


def _set_times(segment: Segment, texts: Sequence[str], pauses: Sequence[Pause]) -> list[Segment]:
    """Return the parts of a segment's text with their times, one after the other."""
    boundaries = _spread(segment, texts)
    if len(texts) <= _MOST_SENTENCES:
        found = _find_boundaries(segment, [len(text) for text in texts], pauses)
        if all(after.start_s - before.end_s >= _SHORTEST_S for before, after in pairwise(found)):
            boundaries = found
    return [
        Segment(before.end_s, after.start_s, text)
        for (before, after), text in zip(pairwise(boundaries), texts, strict=True)
    ]


def _spread(segment: Segment, texts: Sequence[str]) -> list[_Boundary]:
    """Return boundaries that give each text as much time as it has letters."""
    chars = list(accumulate(map(len, texts), initial=0))
    length_s = segment.end_s - segment.start_s
    moments = (segment.start_s + length_s * count / chars[-1] for count in chars)
    return [_Boundary(at_s, at_s, 0.0, 0.0) for at_s in moments]


def _find_boundaries(
    segment: Segment, lengths: Sequence[int], pauses: Sequence[Pause]
) -> list[_Boundary]:
    """Return the start of the segment, the end of each sentence, and the end of the segment."""
    first, *inner, last = _list_boundaries(segment, pauses)
    per_char_s = (last.spoken_s or 1.0) / max(1, sum(lengths))
    chars = 0
    for length in lengths[:-1]:
        chars += length
        at_s = first.end_s + (last.start_s - first.end_s) * chars / max(1, sum(lengths))
        inner.append(_Boundary(at_s, at_s, per_char_s * chars, _NO_PAUSE_COST))
    boundaries = [first, *sorted(inner), last]
    return _choose(boundaries, [length * per_char_s for length in lengths])


def _list_boundaries(segment: Segment, pauses: Sequence[Pause]) -> list[_Boundary]:
    """Return the start of a segment, its pauses, and its end."""
    inside = [p for p in pauses if p[0] >= segment.start_s - 0.1 and p[1] <= segment.end_s + 0.1]
    begin_s, end_s = segment.start_s, segment.end_s
    if inside and inside[0][0] <= begin_s + 0.1:
        begin_s = inside.pop(0)[1]
    if inside and inside[-1][1] >= end_s - 0.1:
        end_s = inside.pop()[0]
    kept = sorted(inside, key=lambda p: p[0] - p[1])[:_MOST_PAUSES]
    boundaries, silent_s = [_Boundary(begin_s, begin_s, 0.0, 0.0)], 0.0
    for pause in inside:
        length_s = pause[1] - pause[0]
        if pause in kept:
            spoken_s = pause[0] - begin_s - silent_s
            boundaries.append(_Boundary(*pause, spoken_s, -_PAUSE_BONUS * min(length_s, 1.0)))
        silent_s += length_s
    return [*boundaries, _Boundary(end_s, end_s, max(0.0, end_s - begin_s - silent_s), 0.0)]


def _choose(boundaries: Sequence[_Boundary], wanted_s: Sequence[float]) -> list[_Boundary]:
    """Return the boundaries that fit the expected durations best (shortest path)."""
    costs: list[dict[int, tuple[float, int]]] = [{0: (0.0, -1)}]
    count = len(wanted_s)
    for number, want_s in enumerate(wanted_s, 1):
        ends = (
            range(len(boundaries))[-1:] if number == count else range(number, len(boundaries) - 1)
        )
        row: dict[int, tuple[float, int]] = {}
        for end in ends:
            paths = (
                (cost + _misfit(boundaries[start], boundaries[end], want_s), start)
                for start, (cost, _) in costs[-1].items()
                if start < end
            )
            if (best := min(paths, default=None)) is not None:
                row[end] = best
        costs.append(row)
    at, chosen = len(boundaries) - 1, []
    for row in reversed(costs):
        chosen.append(boundaries[at])
        at = row[at][1]
    return chosen[::-1]


def _misfit(start: _Boundary, end: _Boundary, want_s: float) -> float:
    took_s = max(0.0, end.spoken_s - start.spoken_s)
    is_too_short = end.start_s - start.end_s < _SHORTEST_S
    misfit = math.log((took_s + _SLACK_S) / (want_s + _SLACK_S)) ** 2
    return misfit + end.cost + is_too_short * _TOO_SHORT_COST


def find_excerpt_end(transcript: Transcript | None, start_s: float) -> float:
    """Return the end of an excerpt that begins at `start_s`, after a whole sentence."""
    end_s = start_s + EXCERPT_S
    if transcript is None:
        return end_s
    moments = [moment for moment in find_moments(transcript) if moment.end_s > start_s + 1]
    ends = [moment.end_s for moment in moments if moment.end_s <= end_s]
    first = moments[0].end_s if moments else end_s
    return min(max([first, *ends]), start_s + 2 * EXCERPT_S)
