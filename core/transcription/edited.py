"""Edited transcripts: a person's text with the times of what was transcribed."""

from __future__ import annotations

import re
from dataclasses import replace

from core.models import Segment, Transcript
from core.text.align import find_origins
from core.text.moments import find_moments
from core.text.scripts import WORD

#: What belongs to the word after it: opening quotes and brackets, and the space before them.
_OPENING = re.compile(r"\s*[\"'“„«‚‘(\[「『《【¿¡–—-]*\Z")


def edit(former: Transcript, text: str, former_key: str) -> Transcript:
    """Return `former` with another text. Nothing was paid for it.

    Each sentence of `former` keeps its time; what was written in its place gets it, and what was
    inserted gets that of the sentence before. Times of deleted sentences go with them.
    """
    return replace(
        former,
        text=text,
        segments=_cut(text, find_moments(former)),
        usage=None,
        is_silent=False,
        edited_from=former_key,
    )


def _cut(text: str, moments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    old = [(word, n) for n, one in enumerate(moments) for word in WORD.findall(one.text.casefold())]
    new = list(WORD.finditer(text))
    if not (old and new):
        return ()
    origins = find_origins([word for word, _ in old], [word.group().casefold() for word in new])
    starts: dict[int, int] = {}
    for index, origin in enumerate(origins):
        gap_start = new[index - 1].end() if index else 0
        opening = _OPENING.search(text, gap_start, new[index].start())
        cut = opening.start() if opening and index else gap_start
        starts.setdefault(old[origin][1], cut)
    ends = [*list(starts.values())[1:], len(text)]
    return tuple(
        replace(moments[number], text=" ".join(text[start:end].split()))
        for (number, start), end in zip(starts.items(), ends, strict=True)
    )
