"""Removal of chat and model markup: mentions, emoji, emoticons, thoughts, codes."""

from __future__ import annotations

import re
import unicodedata

from core.synthesis.markdown_blocks import name_placeholders
from core.text.scripts import HAN, has_han

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
#: Variation selectors, the keycap.
_SELECTORS = re.compile("[\ufe00-\ufe0f\u20e3\U000e0100-\U000e01ef]")
#: Mathematical letters ("𝓗𝓮𝓵𝓵𝓸") and full-width ones ("Ｈｅｌｌｏ", "１２３").
_STYLED_LETTERS = re.compile("[\U0001d400-\U0001d7ff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
_STACKED_ACCENTS = re.compile("([\u0300-\u036f]{2})[\u0300-\u036f]+")

_THOUGHT = re.compile(
    r"<(think|thinking|thought|reasoning)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
#: Some models start inside their thought, so that only its end is in the text.
_THOUGHT_END = re.compile(r"\A.*</(?:think|thinking|thought|reasoning)\s*>", re.I | re.DOTALL)
_UNSPOKEN = re.compile(
    r"<(style|script)\b[^<>]*>.*?</\1\s*>|<!--.*?-->|<\|[^|<>\n]{1,40}\|>|【[^【】\n]*†[^【】\n]*】",
    re.IGNORECASE | re.DOTALL,
)

_PERSON = re.compile(r"<@!?\d+>|<@&\d+>")
_CHANNEL = re.compile(r"<#\d+>|<id:\w+>")
_TIME = re.compile(r"<t:-?\d+(?::[a-zA-Z])?>")
_SLASH_COMMAND = re.compile(r"</([^:<>\n]{1,100}):\d+>")
_CUSTOM_EMOJI = re.compile(
    r"<a?:\w{1,40}:\d+>|(?<![\w:]):(?=[\w+-]*[a-z]|[+-]1)[\w+-]{2,32}:(?!\w)"
)

#: An ampersand that was escaped repeatedly.
_AMPERSAND = re.compile(r"&(?:amp;)+")
_BULLET = re.compile(r"^([ \t]*)[•‣▪●○◦·∙][ \t]*(?=\S)", re.MULTILINE)
_POWER = re.compile(r"(?<=\d)\*\*(?=\d)")
_TIMES = re.compile(r"(?<=\d) ?\* ?(?=\d)")

_EDGE_BEFORE = rf"(?:(?<=^)|(?<=[\s{HAN}，。！？、,.!?]))"
_EDGE_AFTER = rf"(?=$|[\s{HAN}，。！？、,.!?])"
_FACE = r"(?:\^[_.]*\^;*|[TQ][_.]T|>[_.]+<|-[_.]+-[|!]*|[oO][_.][oO])"
_EMOTICON = re.compile(
    rf"{_EDGE_BEFORE}(?:[:;=][-'^o]?[)(\]\[DPpO3/|*>]+|[xX]D+|<3+|</3|{_FACE}"
    rf"|\\?[(（]{_FACE}[)）]/?|orz|OTZ|QAQ|\\o/){_EDGE_AFTER}",
    re.MULTILINE,
)
_NO_FACE = rf"[A-NP-SU-Za-np-tx-z\d]|(?![益皿])[{HAN}]|[^\W_ωДдಠツ益皿ノoOTuUvVwWヘシ]{{2}}"
_KAOMOJI = re.compile(
    r"[ヽヾ╰╭\\~～凸ᕕ¯✧o(]{0,3}[(（]"
    r"(?=[^()（）\n]{0,16}(?:ಠ|[^\s\w()（）\[\],.:;!?'\"$€£%+#&=/-]))"
    rf"(?![^()（）\n]{{0,16}}(?:{_NO_FACE}))"
    r"[^()（）\n]{2,16}[)）](?:[ﾉノ╯╮ゞ✧~～\\/／゜┛☆︵彡 ]*(?:┻━┻|┬─┬)?)(?:[ob](?![a-z]))?"
    r"|¯\\?_?[(（]ツ[)）]_?\\?/?¯|[┻┳]━[┻┳]"
)
_KAOMOJI_TAIL = re.compile("[┻┬┳][━─][┻┬┳]|[╯╰╭╮ヽヾ︵]")

#: Pictures, dingbats, boxes; not signs that are read as words: ° © ® ™ ℃ № ± × ÷.
_EMOJI = re.compile(
    r"\s*(?:["
    "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff\u2190\u2191\u2193-\u21d1"
    "\u21d3-\u21ff\u2500-\u25ff\u2022\u2023\u3030\u303d\u3297\u3299\u203c\u2049\ufffd\u2800-\u28ff"
    r"]\s*)+"
)
_ARROW = re.compile(r"\s*[→⇒➔➜➡⟶]\s*|\s+(?:->|=>|-->)\s+")


def drop_hidden(text: str) -> str:
    """Return `text` in plain letters, without control, direction and zero-width characters."""
    kept = (
        char
        for char in text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
        if char in "\n\t" or unicodedata.category(char) not in _HIDDEN_CATEGORIES
    )
    plain = unicodedata.normalize("NFC", _SELECTORS.sub("", "".join(kept)))
    plain = _STACKED_ACCENTS.sub(r"\1", plain)
    return _STYLED_LETTERS.sub(lambda m: unicodedata.normalize("NFKC", m[0]), plain)


def drop_thoughts(text: str) -> str:
    """Return `text` without a model's thoughts and other elements that are not for people.

    An unclosed thought extends to the end, an unopened one from the start.
    """
    text = _THOUGHT.sub(" ", text)
    return _UNSPOKEN.sub(" ", _THOUGHT_END.sub("", text))


def replace_chat_codes(text: str, language: str) -> str:
    """Return `text` with Discord's codes named, without emoticons, and with plain bullets."""
    words = name_placeholders(language)
    text = _SLASH_COMMAND.sub(r"\1", _AMPERSAND.sub("&", text))
    for code, word in ((_PERSON, "person"), (_CHANNEL, "channel"), (_TIME, "time")):
        text = code.sub(words[word], text)
    text = _CUSTOM_EMOJI.sub(_gap, text)
    text = _KAOMOJI_TAIL.sub("", _KAOMOJI.sub(_gap, text))
    text = _EMOTICON.sub("", text)
    text = _TIMES.sub("×", _POWER.sub("^", text))
    return _BULLET.sub(r"\1- ", text)


def drop_emoji(text: str) -> str:
    """Return `text` without emoji; between Chinese characters a comma replaces them."""
    arrows = _ARROW.sub(lambda m: "，" if has_han(_before(m)) else ", ", text)
    return _EMOJI.sub(_gap, arrows)


def _gap(match: re.Match[str]) -> str:
    """Return the replacement for a match between two words."""
    before, after = _before(match), match.string[match.end() : match.end() + 1]
    if "\n" in match[0]:
        return "\n"
    if has_han(before) and has_han(after):
        return "，"
    is_spaced = match[0] != match[0].strip() or (before + after).isalnum()
    return " " if before and after and is_spaced else ""


def _before(match: re.Match[str]) -> str:
    return match.string[max(match.start() - 1, 0) : match.start()]
