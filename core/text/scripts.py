"""Scripts: which characters belong to which, and what that says of words and language.

The ranges are the insides of character classes, for patterns such as `f"[{HAN}]+"`.
"""

from __future__ import annotations

import re
import unicodedata

#: Chinese characters, with 々 (repetition) and 〇 (zero).
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
#: The Japanese syllabaries.
KANA = "\u3041-\u30ff"
HANGUL = "\uac00-\ud7af"
CYRILLIC = "\u0400-\u04ff"
DEVANAGARI = "\u0900-\u097f"
ARABIC = "\u0600-\u06ff"
#: Thai and Lao, Burmese, Khmer: spaces part phrases, not words.
SOUTHEAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"

#: Scripts that set no space between words or sentences: Chinese and Japanese, with 〆.
UNSPACED = "\u3006" + HAN + KANA
#: A letter or digit of any other script.
LETTER = rf"[^\W{UNSPACED}]"
#: A word, or one character of an unspaced script.
WORD = re.compile(rf"[{UNSPACED}]|{LETTER}+")
#: Chinese characters and the punctuation that is set without spaces around it.
HAN_TEXT = HAN + "\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff60\u2026\u2014\u201c\u201d"
#: Chinese, Japanese and Korean with their punctuation: about a syllable and a token each.
EAST_ASIAN = "\u2e80-\ud7ff\uf900-\uffef\U00020000-\U0003ffff"

_HAN = re.compile(f"[{HAN}]")
_KANA = re.compile(f"[{KANA}]")
# Here with all punctuation: "。" needs no space after it either.
_UNSPACED = re.compile(f"[\u3000-\u303f{UNSPACED}\uff00-\uffef]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+)*")
_CYRILLIC_WORD = re.compile(f"[{CYRILLIC}]+(?:-[{CYRILLIC}]+)*")
#: Letters of other languages that are written in Cyrillic.
_NOT_RUSSIAN = re.compile("[іїєґўјљњћђџќѓѕ]", re.IGNORECASE)
#: Addresses and code are read in any language.
_NEUTRAL = re.compile(r"(?s:```.*?(?:```|\Z))|`[^`\n]*`|(?:https?://|www\.)[!-~]+|<[!-~]{1,80}>")


def has_han(text: str) -> bool:
    """Return True if `text` contains a Chinese character."""
    return _HAN.search(text) is not None


def count_columns(text: str) -> int:
    """Return the width of `text` on a screen, where a wide East Asian character takes two."""
    return len(text) + sum(char in "WF" for char in map(unicodedata.east_asian_width, text))


def is_unspaced(character: str) -> bool:
    """Return True if `character` is Chinese or Japanese, punctuation included."""
    return _UNSPACED.fullmatch(character) is not None


def join_texts(texts: list[str]) -> str:
    """Join with a space, but not between two characters of a script that has none."""
    joined = ""
    for text in filter(None, (t.strip() for t in texts)):
        is_tight = joined and is_unspaced(joined[-1]) and is_unspaced(text[0])
        joined += text if not joined or is_tight else f" {text}"
    return joined


def split_words(text: str) -> list[str]:
    """Return the words of `text` in lower case; those of unspaced scripts by character."""
    return WORD.findall(text.lower())


def guess_language(text: str) -> str:
    """Return "zh" if `text` is mostly Chinese, "ru" if it is mostly Russian, else "en".

    One Chinese character weighs as much as one word of another script: "我用 Python 写的" is
    Chinese, "the word 你好 means hello" is not.
    """
    words = _NEUTRAL.sub(" ", text)
    han = len(_HAN.findall(words))
    if len(_KANA.findall(words)) * 4 > han:
        return "en"
    latin, cyrillic = len(_LATIN_WORD.findall(words)), len(_CYRILLIC_WORD.findall(words))
    if han > max(latin, cyrillic):
        return "zh"
    return "ru" if cyrillic > latin and not _NOT_RUSSIAN.search(words) else "en"
