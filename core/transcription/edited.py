"""Edited transcripts: a person's text with the times of what was transcribed."""

from __future__ import annotations

from dataclasses import replace

from core.models import Segment, Transcript
from core.text.align import find_origins
from core.text.moments import find_moments
from core.text.scripts import WORD

#: Belong to the word after them, as does the space before them.
_OPENING = "\"'“„«‚‘([「『《【¿¡–—-"


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
        corrected=(),
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
        gap = text[gap_start : new[index].start()].rstrip(_OPENING).rstrip()
        cut = gap_start + len(gap) if index else 0
        starts.setdefault(old[origin][1], cut)
    ends = [*list(starts.values())[1:], len(text)]
    return tuple(
        replace(moments[number], text=" ".join(text[start:end].split()))
        for (number, start), end in zip(starts.items(), ends, strict=True)
    )
