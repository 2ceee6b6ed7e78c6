"""Speakable text: what a voice reads of a text that was written to be shown."""

from __future__ import annotations

import re

from core.synthesis.audio_tags import BRACKETS, is_audio_tag
from core.synthesis.chat_markup import drop_emoji, drop_hidden, drop_thoughts, replace_chat_codes
from core.synthesis.markdown_blocks import Block, name_placeholders, read_blocks
from core.text.scripts import HAN, HAN_TEXT, guess_language, has_han

#: Removing markup may uncover more; text has fewer layers than this.
_MAX_PASSES = 20
#: Longest run of one letter: an engine with styles stretches "sooooo", others spell it.
_LONGEST_PERFORMED, _LONGEST_READ = 6, 3
#: A longer line was wrapped; a shorter one ends at a pause.
_WRAP_CHARS = 60

_URL = re.compile(
    r"(?:https?://|(?<![a-z\d])(?:ftp|tg|discord)://|(?<![a-z\d.])www\.)[!-;=?-~]+", re.IGNORECASE
)
_URL_TAIL = ".,;:!?)]}'\"*_~|"
_EN_LINKS = re.compile(r"\b(?:(link)s?:?|a link)(?:[\s,:]+a link\b)+", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w.@])@(?=\w)")
_TOPIC = re.compile(r"#([^\s#]{1,30})#|(?<![\w&#])#(?=[^\W\d])")
_SPOILER = re.compile(r"\|\|(?=\S)[^|\n]+\|\|")
_CHECK_BOX = re.compile(r"\[[ xX]?\]")
_FOOTNOTE = re.compile(r"\[(?:\^[^\[\]\n]{1,20}|\d[\d,，\s–-]{0,20}|citation needed|sic)\]:?")
_EMPTY = re.compile(r"(?<!\w)\s*[(（]\s*[)）]")
_TITLE_BRACKETS = re.compile(r"【([^【】\n]*)】")

_WORD_WITH_BARS = re.compile(r"[^\s_]*_\S*|_+")
_STRAY_MARKUP = re.compile(
    r"\*+|`+|~~+|(?<=\w)[~～]+(?!\d)|(?<!\S)[~～]+(?![\d/])|\\(?=[*_~`#|>\[\]])"
)
_HAN_WAVE = re.compile(f"(?<=[{HAN}])[~～]+(?=[{HAN}])")
_BARS = re.compile(r"\s*\|+\s*")
_RULE = re.compile(r"(?<!\S)[-=_#>+]{2,}(?!\S)|[-=]{4,}")
_SPACE_BEFORE_PUNCTUATION = re.compile(
    rf" +(?=[,.!?;:](?:\s|$)|[，。！？；：、)）])|(?<=[{HAN_TEXT}])\n(?=\S)"
)
_LEADING = re.compile(r"^[\s,，:：;；、]+")
_END = re.compile(r"[.!?…。！？:：;；,，、—][\"'”’」』）)\]]*$")


def make_speakable(text: str, *, keeps_tags: bool) -> str:
    """Return `text` as one line to be spoken, "" if it has no words. Idempotent.

    Markup of Markdown, HTML, chats and models is removed; links, code and images are named;
    headings, list items and table rows end as sentences. Numbers, dates and abbreviations stay.

    keeps_tags: True for an engine that performs brackets: audio tags stay, and asides are put
    between commas, or else they would be performed too. False: tags are removed, asides in round
    brackets stay.
    """
    text = drop_thoughts(drop_hidden(text))
    language = guess_language(text)
    for _ in range(_MAX_PASSES):
        before, text = text, _pass(text, language, keeps_tags)
        if text == before:
            break
    return text if any(char.isalnum() for char in text) else ""


def _pass(text: str, language: str, keeps_tags: bool) -> str:
    text = replace_chat_codes(drop_thoughts(drop_hidden(text)), language)
    cleaned = [
        Block(_clean(block.text, language, keeps_tags), block.is_closed)
        for block in read_blocks(text, language)
    ]
    blocks = [block for block in cleaned if block.text]
    spoken = ""
    for number, block in enumerate(blocks, 1):
        is_closed = block.is_closed or number < len(blocks)
        spoken = _join(spoken, _end_sentence(block.text) if is_closed else block.text)
    return spoken


def _clean(text: str, language: str, keeps_tags: bool) -> str:
    """Return the words of one block on one line."""
    words = name_placeholders(language)
    text = _URL.sub(lambda m: _read_url(m, words["link"]), text)
    text = _EN_LINKS.sub(lambda m: m[1] or "a link", _join_links(text, words["link"]))
    text = _SPOILER.sub(words["spoiler"], text)
    text = _TOPIC.sub(lambda m: m[1] or "", _MENTION.sub("", text))
    text = drop_emoji(_FOOTNOTE.sub("", _CHECK_BOX.sub("", text)))
    text = BRACKETS.sub(lambda m: _read_brackets(m, keeps_tags), text)
    text = _EMPTY.sub("", text)
    text = _TITLE_BRACKETS.sub(lambda m: _aside(m, m[1]), text)
    text = _WORD_WITH_BARS.sub(lambda m: m[0] if "@" in m[0] else m[0].replace("_", " "), text)
    text = _STRAY_MARKUP.sub("", _HAN_WAVE.sub("，", text))
    text = _BARS.sub(", ", text.strip("| \n"))
    return _LEADING.sub("", _tidy(_join_lines(_limit_repeats(text, keeps_tags))))


def _join_links(text: str, word: str) -> str:
    """Return `text` with one word for several links in a row: "Ссылка: ссылка" is one, too."""
    word = re.escape(word)
    return re.sub(rf"(?i)({word})(?:[\s,，:：、]*{word})+", r"\1", text)


def _read_url(match: re.Match[str], word: str) -> str:
    """Return `word` for the address, and the punctuation after it."""
    address = match[0].rstrip(_URL_TAIL)
    if "(" in address and match[0].startswith(address + ")"):
        address += ")"
    space = " " if re.search(r"[a-zA-Z\d]$", match.string[: match.start()]) else ""
    return space + word + match[0][len(address) :]


def _read_brackets(match: re.Match[str], keeps_tags: bool) -> str:
    if is_audio_tag(match):
        return match[0] if keeps_tags else _gap_for_tag(match)
    if match["square"] is not None:
        return _aside(match, match["square"])
    return _aside(match, match["round"]) if keeps_tags else match[0]


def _gap_for_tag(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return "，" if has_han(before) and has_han(after) else " "


def _aside(match: re.Match[str], inner: str) -> str:
    """Return bracketed words between commas; "word(s)", "(555)" and "f(x)" stay."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    is_attached = re.search(r"[a-zA-Z\d]$", before) or re.match(r"[a-zA-Z\d]", after)
    has_words = re.search(r"[^\W\d_]", inner)
    if match[0][0] in "(（" and ((is_attached and not has_han(inner)) or not has_words):
        return match[0]
    comma = _comma(inner)
    start = comma if re.search(r"[^\s,.!?;:，。！？；：、…—(（]\s*$", before) else ""
    end = " " if _END.search(inner) else comma
    end = end if re.match(r"\s*[^\s,.!?;:，。！？；：、…—)）]", after) else ""
    return start + inner.strip() + end


def _comma(text: str) -> str:
    return "，" if has_han(text) else ", "


def _limit_repeats(text: str, keeps_tags: bool) -> str:
    """Return `text` with repeated letters and punctuation limited."""
    longest = _LONGEST_PERFORMED if keeps_tags else _LONGEST_READ
    text = re.sub(rf"([^\W\d_])\1{{{longest},}}", lambda m: m[1] * longest, text)
    text = re.sub(r"([^\W\d_]{2})\1{3,}", r"\1\1\1", text)
    text = re.sub(r"([!?！？]{2})[!?！？]+", r"\1", text)
    text = re.sub(r"([!?！？,，;；:：、])\1+", r"\1", text)
    text = re.sub(r"。{2,}|…{3,}", "……", text)
    return _RULE.sub(" ", re.sub(r"\.{4,}", "...", text))


def _join_lines(text: str) -> str:
    """Return the lines of a block joined; a short one without punctuation gets a comma."""
    joined = previous = ""
    for line in filter(None, map(str.strip, text.split("\n"))):
        if joined and not _END.search(joined) and len(previous) < _WRAP_CHARS:
            joined += _comma(joined[-1]).strip()
        joined, previous = _join(joined, line), line
    return joined


def _join(first: str, second: str) -> str:
    """Return both with a space between them, but none after Chinese characters."""
    is_wide = re.search(f"[{HAN_TEXT}]$", first) and not re.match(r"[\[(]", second)
    return first + ("" if not first or is_wide else " ") + second


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    text = _SPACE_BEFORE_PUNCTUATION.sub("", text)
    text = re.sub(r"(?:, ?){2,}", ", ", text)
    text = re.sub(r",(?=[.!?;:。！？])", "", text)
    return text.strip()


def _end_sentence(text: str) -> str:
    if _END.search(text):
        return text
    return text + ("。" if guess_language(text) == "zh" else ".")
