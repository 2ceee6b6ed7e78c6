"""When within a recording something was said, as finely as can be told."""

from __future__ import annotations

import re

from core.models import Segment, Transcript

#: Longer stretches are parted at the ends of sentences.
_LONG_S = 8.0
#: What is played of a recording, if no sentence takes longer.
EXCERPT_S = 15.0
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)]*(?=\s|$)|[。！？]+[”’）]*|$)\s*", re.DOTALL)


def find_moments(heard: Transcript) -> list[Segment]:
    """Return what was said with its times.

    Some engines tell one time for a minute of speech. Such a stretch is parted by sentence, and
    each gets the share of the time that it has of the letters: people speak evenly enough.
    """
    segments = heard.segments or (Segment(0.0, heard.duration_s, heard.text),)
    return [moment for segment in segments for moment in _part(segment)]


def _part(segment: Segment) -> list[Segment]:
    if segment.end_s - segment.start_s <= _LONG_S:
        return [segment] if segment.text.strip() else []
    sentences = [found for found in _SENTENCE.findall(segment.text) if found.strip()]
    per_char_s = (segment.end_s - segment.start_s) / max(1, sum(map(len, sentences)))
    moments, start_s = [], segment.start_s
    for sentence in sentences:
        end_s = start_s + len(sentence) * per_char_s
        moments.append(Segment(start_s, end_s, sentence.strip()))
        start_s = end_s
    return moments


def find_end(heard: Transcript | None, start_s: float) -> float:
    """Return up to where what begins at `start_s` is worth being heard: whole sentences."""
    end_s = start_s + EXCERPT_S
    if heard is None:
        return end_s
    moments = [moment for moment in find_moments(heard) if moment.end_s > start_s + 1]
    ends = [moment.end_s for moment in moments if moment.end_s <= end_s]
    first = moments[0].end_s if moments else end_s
    return min(max([first, *ends]), start_s + 2 * EXCERPT_S)
