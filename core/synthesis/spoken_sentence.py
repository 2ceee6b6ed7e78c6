"""Comparison of a recording with the sentence that was to be read out. Pure.

Words are compared in order: a file put together from words that somebody has said has them all,
but neither in this order nor at this number.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from core.glossary.guards.opposites import are_opposites, list_negations
from core.locale import mark
from core.models import ExpectedRecording, Transcript
from core.text.align import Change, find_changes
from core.text.lookalikes import fold
from core.text.scripts import split_words

#: A recording may be that long.
MAX_S = 60.0
#: Of so many words of the sentence, one may be misheard; of all, one may be added.
_WORDS_PER_ERROR, _MAX_EXTRA = 12, 1
#: Of the code, one word (in Chinese: one character) may be misheard as a similar one.
_MAX_WRONG_CODE, _SIMILAR = 1, 0.6
#: Kept before and after the speech.
_MARGIN_S = 0.15

TOO_LONG = mark("That was longer than a minute. Say the sentence and nothing else.")
SILENT = mark("I could not hear any words.")
DIFFERENT = mark("That was not the sentence: too many words are different or missing.")
EXTRA = mark("That was more than the sentence. Say it once, and nothing before or after it.")
ORDER = mark("The words came in another order.")
CODE = mark("The words of the code were not the right ones in the right order.")
OPPOSITE = mark("That did not agree to it.")


class Comparison(NamedTuple):
    """A transcript beside the sentence, word by word."""

    wanted: list[str]
    said: list[str]
    changes: list[Change]

    @property
    def removed(self) -> list[str]:
        """The words of the sentence that were not said."""
        return [word for one in self.changes for word in self.wanted[slice(*one.old_span)]]

    @property
    def added(self) -> list[str]:
        """The words that are not in the sentence, or not there."""
        return [word for one in self.changes for word in self.said[slice(*one.new_span)]]


def compare(sentence: str, transcript: str) -> Comparison:
    """Compare what was said with the sentence, in order."""
    wanted, said = split_words(fold(sentence)), split_words(fold(transcript))
    return Comparison(wanted, said, find_changes(wanted, said))


def find_difference(expects: ExpectedRecording, transcript: Transcript) -> str:
    """Return how what was said differs from the sentence, "" if it is the sentence."""
    compared = compare(expects.text, transcript.text)
    if transcript.duration_s > MAX_S:
        return TOO_LONG
    if not compared.said:
        return SILENT
    if len(compared.said) > len(compared.wanted) + _MAX_EXTRA:
        return EXTRA
    return _find_error(compared, split_words(fold(expects.code)))


def _find_error(compared: Comparison, code: list[str]) -> str:
    # Engines mishear words, but they do not move them.
    moved = (Counter(compared.removed) & Counter(compared.added)).total()
    if 0 < len(compared.removed) <= 2 * moved:
        return ORDER
    if _count_wrong_code(compared, code) > _MAX_WRONG_CODE:
        return CODE
    wrong = sum(max(one.old, one.new) for one in compared.changes)
    if wrong > max(1, len(compared.wanted) // _WORDS_PER_ERROR):
        return DIFFERENT
    if sum(max(0, one.new - one.old) for one in compared.changes) > _MAX_EXTRA:
        return EXTRA
    if moved:
        return ORDER
    return OPPOSITE if _is_opposite(compared) else ""


def find_speech(expects: ExpectedRecording, transcript: Transcript) -> tuple[float, float]:
    """Return where the sentence begins and ends in the recording, in seconds.

    By the times of the transcript's segments as far as there are any, else by the pauses before
    and after the speech.
    """
    end_s = transcript.duration_s
    first_s, last_s = 0.0, end_s
    for start_s, stop_s in transcript.pauses:
        if start_s <= _MARGIN_S:
            first_s = max(first_s, stop_s - _MARGIN_S)
        if stop_s >= end_s - _MARGIN_S:
            last_s = min(last_s, start_s + _MARGIN_S)
    segments = [one for one in transcript.segments if split_words(fold(one.text))]
    if len(segments) > 1:
        compared = compare(expects.text, transcript.text)
        before, after = _count_edges(compared)
        while before and len(split_words(fold(segments[0].text))) <= before:
            before -= len(split_words(fold(segments.pop(0).text)))
        while after and len(split_words(fold(segments[-1].text))) <= after:
            after -= len(split_words(fold(segments.pop().text)))
        first_s = max(first_s, segments[0].start_s - _MARGIN_S)
        last_s = min(last_s, segments[-1].end_s + _MARGIN_S)
    return first_s, max(last_s, first_s)


def _count_wrong_code(compared: Comparison, code: list[str]) -> int:
    """Return how many words of the code are wrong, missing or have others between them."""
    wanted, size = compared.wanted, len(code)
    starts = (at for at in range(len(wanted) - size + 1) if wanted[at : at + size] == code)
    first = next(starts, 0)
    wrong = 0
    for one in compared.changes:
        start, end = max(one.old_span[0], first), min(one.old_span[1], first + size)
        if start < end or first < one.old_span[0] < first + size:
            wrong += max(end - start, one.new - one.old, 0)
            wrong += not _is_similar(compared, one)
    return wrong


def _is_similar(compared: Comparison, change: Change) -> bool:
    """Return True if what was said can be what was to be said, misheard."""
    # Only here: the program needs it when somebody clones a voice, and else never.
    from rapidfuzz.distance.Indel import normalized_similarity

    wanted = "".join(compared.wanted[slice(*change.old_span)])
    said = "".join(compared.said[slice(*change.new_span)])
    # A Chinese character is written like others that sound the same.
    return len(wanted) == len(said) == 1 or normalized_similarity(wanted, said) >= _SIMILAR


def _is_opposite(compared: Comparison) -> bool:
    """Return True if a word that was added or replaced turns the sentence into its opposite."""
    removed, added = " ".join(compared.removed), " ".join(compared.added)
    return list_negations(added) != list_negations(removed) or are_opposites(removed, added)


def _count_edges(compared: Comparison) -> tuple[int, int]:
    """Return how many words were said before the sentence, and after it."""
    wanted, changes = len(compared.wanted), compared.changes
    before = next((one.new for one in changes if one.old_span == (0, 0)), 0)
    after = next((one.new for one in changes if one.old_span == (wanted, wanted)), 0)
    return before, after
