"""The styles that people type before a text: "<style>Happy</style>Tomorrow is Friday".

An overall style stands at the very start: in a `<style>` element or in brackets. Anything else in
brackets is an audio tag or plain text and stays where it is. The list of styles is open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.synthesis.audio_tags import (
    BRACKETS,
    is_audio_tag,
    is_remark,
    is_sound,
    is_tag_shape,
    is_tone,
)
from core.text.scripts import HAN, has_han

#: The style of singing, whichever of its names was typed. It stands alone.
SINGING = "唱歌"
_SINGING_NAMES = frozenset({"唱歌", "sing", "singing"})

_ELEMENT = re.compile(r"\s*<style>([^<>{}]{0,200})</style\s*>", re.IGNORECASE)
_ANY_ELEMENT = re.compile(r"<style>[^<>]*</style\s*>", re.IGNORECASE)
_START = re.compile(r"\s*(?:[(（](?P<a>[^()（）\[\]\n]+)[)）]|\[(?P<b>[^()（）\[\]\n]+)\])")
_SEPARATOR = re.compile(r"\s*[,，、;；/|+&]\s*")
#: What may follow a style: the text, not a link's address and not a second half of a word.
_NO_TEXT_AFTER = re.compile(r"\s*(?:[(\[（{:：,，.。;；、!?！？]|$)")


@dataclass(frozen=True, slots=True)
class Styled:
    """A text and the styles that stood before it."""

    text: str
    styles: tuple[str, ...] = ()


def read_styles(text: str) -> Styled:
    """Return `text` without its overall style, and the styles.

    "<style>A, B</style>text" holds two styles, "(A)text", "（甲）文" and "[A] text" hold one or
    more. In brackets only what looks like a style is one: a few words, no digits, followed by
    text; known styles anywhere, unknown ones in a Western script only with no space after the
    bracket. Sounds such as "[cough]" stay in the text as audio tags. Singing comes as `SINGING`
    and alone.
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


def drop_tags(text: str) -> str:
    """Return `text` without styles and audio tags, for engines that perform none."""
    plain = _ANY_ELEMENT.sub(" ", read_styles(text).text)
    plain = BRACKETS.sub(lambda m: " " if is_audio_tag(m) else m[0], plain)
    plain = re.sub(r"[ \t]{2,}", " ", plain)
    plain = re.sub(rf"(?<=[{HAN}]) (?=[{HAN}])", "", plain)
    return re.sub(r" +(?=[,.!?;:，。！？；：](?:\s|$))", "", plain).strip()


def _split_styles(inner: str) -> list[str]:
    """Return the styles of one tag. Spaces part them only where each word is one by itself."""
    parts = [part for part in _SEPARATOR.split(inner.strip()) if part]
    if len(parts) != 1:
        return parts
    words = parts[0].split()
    if all(has_han(word) or is_tone(word) or is_sound(word) for word in words):
        return words
    return parts


def _order(styles: list[str]) -> tuple[str, ...]:
    """Return each style once; singing is performed only when it is the only one."""
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
    if has_han(inner) or is_remark(inner):
        return not is_remark(inner)
    # "(Sun Wukong)Who goes there?", but neither "(John) will come" nor "(re)start".
    return not after[0].isspace() and not after[0].islower()
