"""Which language a text is to be spoken in."""

from __future__ import annotations

import re

#: Chinese characters, as the inside of a character class.
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
#: Chinese characters and the punctuation that is set without spaces.
WIDE = HAN + "\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff60\u2026\u2014\u201c\u201d"

_HAN = re.compile(f"[{HAN}]")
_KANA = re.compile("[\u3041-\u30ff]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+)*")
#: Addresses and code are read in any language.
_NEUTRAL = re.compile(r"(?s:```.*?(?:```|\Z))|`[^`\n]*`|(?:https?://|www\.)[!-~]+|<[!-~]{1,80}>")


def guess_language(text: str) -> str:
    """Return "zh" where `text` is mostly Chinese, else "en".

    One Chinese character weighs as much as one word of another script: "我用 Python 写的" is
    Chinese, "the word 你好 means hello" is not.
    """
    words = _NEUTRAL.sub(" ", text)
    han = len(_HAN.findall(words))
    if len(_KANA.findall(words)) * 4 > han:
        return "en"
    return "zh" if han > len(_LATIN_WORD.findall(words)) else "en"


def has_han(text: str) -> bool:
    """Tell whether `text` holds a Chinese character."""
    return _HAN.search(text) is not None
