"""Styles that people type before a text: "<style>Happy</style>Tomorrow is Friday".

The style of a whole text is at its very start, in a `<style>` element or in brackets. Other
brackets are audio tags or plain text and stay in place. The set of styles is open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.synthesis.audio_tags import (
    is_label,
    is_sound,
    is_tag_shape,
    is_tone,
)
from core.text.scripts import has_han

#: The style of singing, whichever of its names was typed. It excludes other styles.
SINGING = "唱歌"
_SINGING_NAMES = frozenset({"唱歌", "sing", "singing"})

_ELEMENT = re.compile(r"\s*<style>([^<>{}]{0,200})</style\s*>", re.IGNORECASE)
_START = re.compile(r"\s*(?:[(（](?P<a>[^()（）\[\]\n]+)[)）]|\[(?P<b>[^()（）\[\]\n]+)\])")
_SEPARATOR = re.compile(r"\s*[,，、;；/|+&]\s*")
#: Not a style if this follows it: a link's address, punctuation, or nothing.
_NO_TEXT_AFTER = re.compile(r"\s*(?:[(\[（{:：,，.。;；、!?！？]|$)")


@dataclass(frozen=True, slots=True)
class Styled:
    """A text and the styles that preceded it."""

    text: str
    styles: tuple[str, ...] = ()


def read_styles(text: str) -> Styled:
    """Return `text` without its leading styles, and the styles.

    "<style>A, B</style>text" has two styles; "(A)text", "（甲）文" and "[A] text" have one or
    more. A style in brackets is a few words without digits, followed by text. An unknown style in
    a Western script must not be followed by a space. Sounds such as "[cough]" stay in the text as
    audio tags. Singing is returned as `SINGING`, alone.
    """
    found: list[str] = []
    rest = text
    while match := _ELEMENT.match(rest):
        found += _split_styles(match[1])
        rest = rest[match.end() :]
    if rest != text:
        return Styled(rest.strip(), _order(found))
    match = _START.match(text)
    if match is None or not _is_style(match["a"] or match["b"], text[match.end() :]):
        return Styled(text.strip())
    inner = match["a"] or match["b"]
    return Styled(text[match.end() :].strip(), _order(_split_styles(inner)))


def split_style(style: str) -> tuple[tuple[str, ...], str]:
    """Return the styles in `style`, or else all of it as a direction in words."""
    filler = "a"
    read = read_styles(f"{style}{filler}")
    return (read.styles, "") if read.text == filler else ((), style)


def _split_styles(inner: str) -> list[str]:
    """Return the styles of one tag, split at spaces only if each word is a style by itself."""
    parts = [part for part in _SEPARATOR.split(inner.strip()) if part]
    if len(parts) != 1:
        return parts
    words = parts[0].split()
    if all(has_han(word) or is_tone(word) or is_sound(word) for word in words):
        return words
    return parts


def _order(styles: list[str]) -> tuple[str, ...]:
    """Return each style once; singing only works alone."""
    if any(style.lower() in _SINGING_NAMES for style in styles):
        return (SINGING,)
    return tuple(dict.fromkeys(styles))


def _is_style(inner: str, after: str) -> bool:
    if _NO_TEXT_AFTER.match(after) or not is_tag_shape(inner.replace("/", " ")):
        return False
    if is_tone(inner) or all(is_tone(part) for part in _split_styles(inner)):
        return True
    if is_sound(inner) or any(is_sound(part) for part in _split_styles(inner)):
        return False
    if has_han(inner) or is_label(inner):
        return not is_label(inner)
    # "(Sun Wukong)Who goes there?", but neither "(John) will come" nor "(re)start".
    return not after[0].isspace() and not after[0].islower()
