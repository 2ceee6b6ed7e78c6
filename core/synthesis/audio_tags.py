"""Audio tags: bracketed words that an engine performs, such as "[cough]" or "(sudden laugh)".

The set of tags is open. Square brackets are judged by their form; round ones, which people also
use for asides, by their words.
"""

from __future__ import annotations

import re

from core.synthesis.tag_words import KINDS, LABELS, MODIFIERS, ORDINARY_ZH, SOUND, TONE_ZH, TONES
from core.text.scripts import HAN, has_han

#: Longest audio tag, or style in brackets.
TAG_CHARS = 40
_TAG_WORDS = 5
_TAG_HAN = 8

#: Brackets of either kind, their content in group "square" or "round".
BRACKETS = re.compile(
    r"\[(?P<square>[^\[\]\n]{0,200})\]|[(（](?P<round>[^()（）\[\]\n]{0,200})[)）]"
)

#: Never in a tag: digits, ends of sentences, characters of code and addresses.
_NEVER_IN_TAG = re.compile(r"[\d.!?。！？:：;；@#$%&*=<>{}\"“”\\/_^|~`†]")


def is_tag_shape(inner: str) -> bool:
    """Return True if `inner` has the form of an audio tag or style: a few plain words."""
    inner = inner.strip()
    if not 1 < len(inner) <= TAG_CHARS and not has_han(inner):
        return False
    if _NEVER_IN_TAG.search(inner) or len(inner.split()) > _TAG_WORDS:
        return False
    return len(re.findall(f"[{HAN}]", inner)) <= _TAG_HAN or bool(re.search("[、，,\\s]", inner))


def is_sound(inner: str) -> bool:
    """Return True if `inner` names a vocal sound: "heavy breathing", "叹气"."""
    return is_tag_shape(inner) and len(inner.split()) <= 3 and SOUND.search(inner) is not None


def is_tone(inner: str) -> bool:
    """Return True if `inner` names a known tone: "very softly", "old man voice", "开心"."""
    if not is_tag_shape(inner):
        return False
    if has_han(inner):
        return TONE_ZH.search(inner) is not None
    words = re.findall(r"[a-z]+", inner.lower())
    if words and words[-1] in KINDS:
        return len(words) > 1
    is_known = all(word in TONES | MODIFIERS for word in words)
    return is_known and any(word in TONES for word in words)


def is_label(inner: str) -> bool:
    """Return True if `inner` is a label or part of a sentence: "Draft", "the minister", "注"."""
    if has_han(inner):
        return ORDINARY_ZH.search(inner) is not None
    return any(word in LABELS for word in re.findall(r"[a-z]+", inner.lower()))


def is_audio_tag(match: re.Match[str]) -> bool:
    """Return True if a match of `BRACKETS` is an audio tag."""
    square = match["square"]
    inner = match["round"] if square is None else square
    if is_sound(inner) or is_tone(inner):
        return True
    return square is not None and is_tag_shape(inner) and not is_label(inner)
