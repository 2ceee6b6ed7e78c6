"""Corrections learned from an edited transcript: its short replacements, never whole sentences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from core.glossary.corrections import parse_correction
from core.models import Correction
from core.text.align import Change, find_changes
from core.text.scripts import LETTER, UNSPACED

#: A word with its apostrophes, or one character of an unspaced script.
_WORD = re.compile(rf"[{UNSPACED}]|{LETTER}+(?:['’]{LETTER}+)*")
_PUNCTUATION = re.compile(r"[^\w\s'’-]")
_SENTENCE_END = re.compile(r"[.!?。！？…\n]")
#: Neighbours that a phrase gets, until it stands nowhere else.
_MAX_NEIGHBOURS = 4
#: More would push the chat's own corrections out.
_MAX_LEARNED = 20


def find_replacements(before: str, after: str) -> tuple[Correction, ...]:
    """Return what an edit replaced, as far as it can be right in other transcripts, too.

    That is a phrase in a sentence which otherwise stayed mostly as it was. What was inserted,
    deleted or written in other letters is specific to this text.
    """
    old, new = list(_WORD.finditer(before)), list(_WORD.finditer(after))
    folded = [[word.group().casefold() for word in words] for words in (old, new)]
    found: dict[Correction, None] = {}
    for sentence in _group(find_changes(*folded), before, old):
        for change in sentence:
            if abs(change.old - change.new) > 1:
                continue
            heard, meant = _phrase(before, old, after, new, change)
            is_phrase = heard and meant and not _PUNCTUATION.search(heard + meant)
            if is_phrase and (correction := parse_correction(f"{heard} = {meant}")):
                found[correction] = None
    return tuple(found)[:_MAX_LEARNED]


def _group(
    changes: Sequence[Change], before: str, old: Sequence[re.Match[str]]
) -> Iterator[list[Change]]:
    """Yield the replacements by sentence, without sentences that were rewritten."""
    ends = [end.end() for end in _SENTENCE_END.finditer(before)]
    sentence_of = [bisect_right(ends, word.start()) for word in old]
    words, changed = Counter(sentence_of), Counter[int]()
    by_sentence: dict[int, list[Change]] = {}
    for change in changes:
        touched = Counter(sentence_of[slice(*change.old_span)])
        changed.update(touched)
        for number in touched:
            by_sentence.setdefault(number, []).append(change)
        if len(touched) > 1:
            changed.update({number: words[number] for number in touched})
    for number, mine in by_sentence.items():
        kept = words[number] - changed[number]
        if kept > 0 and (len(mine) == 1 or 2 * kept >= words[number]):
            yield [change for change in mine if change.new]


def _phrase(
    before: str, old: Sequence[re.Match[str]], after: str, new: Sequence[re.Match[str]], at: Change
) -> tuple[str, str]:
    """Return the replaced words in both texts; with neighbours where they stand elsewhere, too."""
    (start, end), (first, last) = at.old_span, at.new_span
    for _ in range(_MAX_NEIGHBOURS):
        heard = before[old[start].start() : old[end - 1].end()]
        meant = after[new[first].start() : new[last - 1].end()]
        is_name = meant[:1].isupper()
        is_one_character = len(heard) == 1 or len(meant) == 1
        if not is_one_character and (is_name or before.count(heard) == 1):
            return heard, meant
        if start and first:
            start, first = start - 1, first - 1
        elif end < len(old) and last < len(new):
            end, last = end + 1, last + 1
    return "", ""
