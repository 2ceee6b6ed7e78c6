"""Corrections of a chat: apply and add them. `rules` says which may be added."""

from __future__ import annotations

import re
from dataclasses import replace

from core.glossary.rules import has_address
from core.models import CorrectedWords, Correction, Transcript
from core.text.scripts import LETTER, UNSPACED, WORD

#: A word continues here: "can" is not a word of "can't", but "Ada" is one of "Ada's".
_CONTINUES = re.compile(rf"{LETTER}|['’](?![sS]\b){LETTER}")
#: The rest of an address around a phrase, up to a space, or to Chinese and its punctuation.
_REST = rf"[^\s{UNSPACED}\u3000-\u303f\uff00-\uffef]*"
_BEFORE, _AFTER = re.compile(rf"{_REST}\Z"), re.compile(_REST)
_MAX_ADDRESS_CHARS = 200
#: Every address has one of these.
_ADDRESS_SIGNS = frozenset("@#./:_")


def apply(text: str, corrections: tuple[Correction, ...]) -> str:
    """Return `text` with each misheard phrase replaced, see `replace_words`."""
    return replace_words(text, corrections)[0]


def replace_words(
    text: str, corrections: tuple[Correction, ...]
) -> tuple[str, tuple[CorrectedWords, ...]]:
    """Return `text` with each misheard phrase replaced, and where.

    Whole words in any case, the longest phrase first; replacements are not corrected again, and
    addresses are left as they are. Of two corrections of the same words the newer one applies.
    """
    table = _build_table(corrections)
    parts: list[str] = []
    replaced: list[CorrectedWords] = []
    done = length = 0
    for token in WORD.finditer(text) if table else ():
        if token.start() < done:
            continue
        for pattern, correction in table.get(token.group().casefold(), ()):
            found = pattern.match(text, token.start())
            if found and _is_whole(text, found.end()) and not _is_in_address(text, found):
                before, words = text[done : found.start()], _recase(found.group(), correction)
                start = length + len(before)
                parts += [before, words]
                done, length = found.end(), start + len(words)
                replaced.append(CorrectedWords(start, length, found.group()))
                break
    return "".join([*parts, text[done:]]), tuple(replaced)


def apply_to(
    transcript: Transcript, corrections: tuple[Correction, ...], speaker_id: str = ""
) -> Transcript:
    """Return `transcript` with its text and segments corrected, unless a person edited it.

    speaker_id: see `select_for`.
    """
    corrections = select_for(corrections, speaker_id)
    if not corrections or transcript.edited_from:
        return transcript
    text, replaced = replace_words(transcript.text, corrections)
    segments = (replace(s, text=apply(s.text, corrections)) for s in transcript.segments)
    return replace(transcript, text=text, segments=tuple(segments), corrected=replaced)


def select_for(corrections: tuple[Correction, ...], speaker_id: str) -> tuple[Correction, ...]:
    """Return the corrections that hold for what a person says; "" = nobody knows who speaks."""
    return tuple(one for one in corrections if one.scope in ("", speaker_id))


def learn(corrections: tuple[Correction, ...], new: Correction) -> tuple[Correction, ...]:
    """Return `corrections` with `new` appended.

    The words that `new` replaces may come from an older correction. That one then gets the new
    meaning, since nothing is corrected twice. If it is for everybody's recordings and `new` is
    not, it stays, and one with the new meaning is added for those of the person.
    """
    own = _follow_shared(corrections, new) if new.is_own else []
    added = {_fold(one.heard) for one in (*own, new)}
    kept: list[Correction] = []
    for old in corrections:
        if old == new and old.scope == new.scope:
            new = old  # whoever made it first
        if _fold(old.meant) == _fold(new.heard) and new.scope in ("", old.scope):
            old = replace(old if old.is_own else new, heard=old.heard, meant=new.meant)
        if old.scope != new.scope or _fold(old.heard) not in added:
            kept.append(old)
    shared = {_fold(one.heard) for one in kept if not one.is_own}
    # Words that a person leaves as they are matter where they are corrected for everybody.
    return tuple(
        one
        for one in (*kept, new, *own)
        if one.heard != one.meant or (one.is_own and _fold(one.heard) in shared)
    )


def _follow_shared(corrections: tuple[Correction, ...], new: Correction) -> list[Correction]:
    """Return what a person's own correction adds for words that were corrected for everybody."""
    newest = {_fold(one.heard): one for one in select_for(corrections, new.scope)}
    return [
        replace(new, heard=old.heard)
        for old in newest.values()
        if not old.is_own and _fold(old.meant) == _fold(new.heard)
    ]


def _build_table(
    corrections: tuple[Correction, ...],
) -> dict[str, list[tuple[re.Pattern[str], Correction]]]:
    """Return the corrections by their first word, the longest first."""
    newest = {_fold(c.heard): c for c in corrections}
    # Words that stay as they are for one person, and are corrected for the others.
    changing = [one for one in newest.values() if one.heard != one.meant]
    table: dict[str, list[tuple[re.Pattern[str], Correction]]] = {}
    for correction in sorted(changing, key=lambda c: -len(c.heard)):
        if first := WORD.match(correction.heard):
            words = map(re.escape, correction.heard.split())
            pattern = re.compile(r"\s+".join(words), re.IGNORECASE)
            table.setdefault(first.group().casefold(), []).append((pattern, correction))
    return table


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()


def _is_whole(text: str, end: int) -> bool:
    """Return True if a word ends at `end`."""
    return re.match(f"[{UNSPACED}]", text[end - 1]) is not None or not _CONTINUES.match(text, end)


def _is_in_address(text: str, found: re.Match[str]) -> bool:
    """Return True if the words are part of an address, or of the name of an account."""
    start = max(0, found.start() - _MAX_ADDRESS_CHARS)
    before = _BEFORE.search(text, start, found.start())
    after = _AFTER.match(text, found.end(), found.end() + _MAX_ADDRESS_CHARS)
    whole = (before[0] if before else "") + found.group() + (after[0] if after else "")
    return not _ADDRESS_SIGNS.isdisjoint(whole) and has_address(whole)


def _recase(found: str, correction: Correction) -> str:
    """Return the replacement, in capitals or with a capital if `found` is written like that."""
    heard, meant = correction.heard, correction.meant
    if len(found) > 1 and found.isupper() and not heard.isupper():
        return meant.upper()
    if found[0].isupper() and not heard[0].isupper():
        return meant[0].upper() + meant[1:]
    return meant
