"""Comparison of a recording with the sentence that was to be read out. Pure.

Words are compared in order: a file put together from words that somebody has said has them all,
but neither in this order nor at this number.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from core.glossary.guards.opposites import are_opposites, list_negations
from core.locale import mark, translate
from core.models import ExpectedRecording, Transcript
from core.text.align import Change, find_changes
from core.text.lookalikes import fold
from core.text.scripts import guess_language, has_han, split_words

#: A recording may be that long.
MAX_S = 60.0
#: Of so many words of the sentence, one may be misheard. None may be added.
_WORDS_PER_ERROR = 12
#: What is agreed to: here nothing may be misheard.
CARRYING = mark("I am the speaker|I agree|only I may use")
#: Of an English code, one word may be misheard as a similar one. A wrong Chinese character is
#: another word.
_MAX_WRONG_CODE, _SIMILAR = 1, 0.85
#: Seconds in which even slow readers say a word, or a Chinese character. In what is longer,
#: something else was said that the engine did not write down.
_S_PER_WORD, _S_PER_CHARACTER = 0.9, 0.6
#: Sounds that people make before they speak. They count for nothing.
_SOUNDS = "um umm uhm uh uhh er erm eh ah ahm hm hmm mm mhm euh 嗯 呃 额 唔 э ээ эм эмм ммм ну"
_FILLERS = frozenset(fold(_SOUNDS).split())
_CONTRACTION = re.compile(r"\bi'm\b")
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
    """Compare what was said with the sentence, in order, without fillers."""
    wanted, said = _read(sentence), [word for word in _read(transcript) if word not in _FILLERS]
    changes = [
        one
        for one in find_changes(wanted, said)
        # A word that is written as two.
        if "".join(wanted[slice(*one.old_span)]) != "".join(said[slice(*one.new_span)])
    ]
    return Comparison(wanted, said, changes)


def _read(text: str) -> list[str]:
    return split_words(_CONTRACTION.sub("i am", fold(text)))


def find_difference(expects: ExpectedRecording, transcript: Transcript) -> str:
    """Return how what was said differs from the sentence, "" if it is the sentence."""
    compared = compare(expects.text, transcript.text)
    if transcript.duration_s > MAX_S:
        return TOO_LONG
    if not compared.said:
        return SILENT
    if len(compared.said) > len(compared.wanted) + 1:
        return EXTRA
    if error := _find_error(compared, _read(expects.code)):
        return error
    if not _agrees(compared, expects.text):
        return DIFFERENT
    return "" if _fits(compared, transcript) else EXTRA


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
    if _is_opposite(compared):
        return OPPOSITE
    if any(one.new > one.old for one in compared.changes):
        return EXTRA
    return ORDER if moved else ""


def find_speech(transcript: Transcript) -> tuple[float, float]:
    """Return where the speech begins and ends in the recording, in seconds.

    By the times of the transcript's segments with words, and by the pauses before and after.
    """
    end_s = transcript.duration_s
    first_s, last_s = 0.0, end_s
    for start_s, stop_s in transcript.pauses:
        if start_s <= _MARGIN_S:
            first_s = max(first_s, stop_s - _MARGIN_S)
        if stop_s >= end_s - _MARGIN_S:
            last_s = min(last_s, start_s + _MARGIN_S)
    segments = [one for one in transcript.segments if {*_read(one.text)} - _FILLERS]
    if segments:
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
    return normalized_similarity(wanted, said) >= _SIMILAR


def _is_opposite(compared: Comparison) -> bool:
    """Return True if a word that was added or replaced turns the sentence into its opposite."""
    removed, added = " ".join(compared.removed), " ".join(compared.added)
    return list_negations(added) != list_negations(removed) or are_opposites(removed, added)


def _agrees(compared: Comparison, sentence: str) -> bool:
    """Return True if the words that say what is agreed to are there as they were to be said."""
    phrases = translate(CARRYING, guess_language(sentence)).split("|")
    said = f" {' '.join(compared.said)} "
    return all(f" {' '.join(_read(phrase))} " in said for phrase in phrases)


def _fits(compared: Comparison, transcript: Transcript) -> bool:
    """Return True if nobody speaks for longer than the words of the sentence take."""
    first_s, last_s = find_speech(transcript)
    quiet_s = sum(
        max(0.0, min(stop_s, last_s) - max(start_s, first_s))
        for start_s, stop_s in transcript.pauses
    )
    most_s = sum(_S_PER_CHARACTER if has_han(word) else _S_PER_WORD for word in compared.wanted)
    return last_s - first_s - quiet_s <= most_s
