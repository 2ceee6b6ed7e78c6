"""Parser of typed corrections. Strict: a possible question is not a correction."""

from __future__ import annotations

import re
from collections.abc import Callable

from core.models import Correction

#: Longest side of a correction.
MAX_CHARS = 60
_MAX_WORDS = 4

_QUOTES = "*_\"'“”„‘’«»「」『』`"
_EDGES = " \t.,;:!。，、；：！" + _QUOTES
#: Quoted or emphasised words are taken as they are.
_QUOTED = re.compile(r"""^[*_"“„«「『`']+.+[*_"”“»」』`'][.!。！]?$""")

_NO = r"(?:no|nope|nein|nee|non|nie|não|нет)\s*[,.;:!–-]\s*"
_IT_IS = (
    r"(?:it\s+is|it[’']?s|it\s+should\s+be|that[’']?s|that\s+is|es\s+ist|es\s+heißt|das\s+ist"
    r"|das\s+heißt|er\s+heißt|sie\s+heißt|ich\s+heiße|c[’']est|es|se\s+llama|si\s+chiama|è|é"
    r"|het\s+is|to|это)\s+"
)
_HEARD, _MEANT = r"(?P<heard>.+?)", r"(?P<meant>.+)"
#: The least ambiguous first.
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_HEARD}\s*(?:=>|->|→|⇒|=|＝)\s*{_MEANT}",
        rf"(?:{_NO})?(?:it\s+is|it[’']?s)\s+not\s+{_HEARD}\s*,?\s+(?:but|it\s+is|it[’']?s)\s+{_MEANT}",
        rf"(?:{_NO})?(?:{_IT_IS})?nicht\s+{_HEARD}\s*,?\s+sondern\s+{_MEANT}",
        rf"(?:{_NO})?{_IT_IS}(?P<meant>.+?)\s*,\s*(?:not|nicht)\s+(?P<heard>.+)",
        rf"(?:不对?\s*[,，.。]\s*)?不是\s*{_HEARD}\s*[,，]?\s*(?:而是|应该是|應該是|是)\s*{_MEANT}",
        rf"{_NO}{_IT_IS}{_MEANT}",
        rf"(?:no\s+it[’']?s|no\s+it\s+is|nein\s+es\s+(?:ist|heißt))\s+{_MEANT}",
        rf"(?:不|不对|不對|错了|錯了)\s*[,，.。!！]\s*(?:应该是|應該是|是|叫)\s*{_MEANT}",
        rf"(?:应该是|應該是)\s*{_MEANT}",
    )
)
#: "No, Kowalski": accepted for names only.
_BARE = re.compile(rf"{_NO}{_MEANT}", re.IGNORECASE)

_QUESTION = re.compile(
    r"[?？؟]|(?:吗|嗎|呢|么|麼|吧)[.。!！]?$|什么|什麼|怎么|怎麼|为什|為什|谁|誰|哪|多少"
)
#: Words that are no name: "no, it is fine" is an opinion.
_COMMON_WORDS = (
    "a an the not no my your his her its our their this that these those what who whom whose which "
    "why how when where because about just only very too so also still never always really me him "
    "them you us it i he she we they in on at of for to from with if as and or but "
    "fine ok okay good great bad true right wrong enough late over done nothing something "
    "thanks thank sorry please way wait stop yes sure never "
    "ein eine einen kein keine mein meine dein das der die den dem nicht nur sehr zu schon noch "
    "was wer wie wo wann warum weshalb wieso welche welcher weil gut schlecht richtig falsch egal "
    "danke bitte okay doch ja genug spät "
    "un une le la les pas mon ma mes que qui quoi quand comment pourquoi bien merci "
    "el los las lo mi tu muy qué quién cómo cuándo dónde porque bueno gracias "
    "il gli non molto che chi come perché bene grazie"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_COMMON_ZH = re.compile(r"^[我你您他她它这那這的了不没沒]|[的了啊嘛呀哦]$")


def parse_correction(text: str) -> Correction | None:
    """Return the correction in `text`, None if it is anything else.

    `heard` is empty if only the right word is given: "no, it is Kowalski".
    """
    text = " ".join(text.split())
    if len(text) > 3 * MAX_CHARS or _QUESTION.search(text):
        return None
    for form in _FORMS:
        if found := form.fullmatch(text):
            groups = found.groupdict()
            return _build(groups.get("heard") or "", groups["meant"], _is_phrase)
    found = _BARE.fullmatch(text)
    return _build("", found["meant"], _is_name) if found else None


def _build(heard: str, meant: str, is_meant: Callable[[str], bool]) -> Correction | None:
    left, right = heard.strip(_EDGES), meant.strip(_EDGES)
    is_short = max(len(left), len(right)) <= MAX_CHARS
    has_words = max(len(left.split()), len(right.split())) <= _MAX_WORDS
    has_letters = all(any(map(str.isalnum, side)) for side in (left, right)[not heard :])
    if not (right and is_short and has_words and has_letters) or left == right:
        return None
    if heard:
        return Correction(left, right)
    is_quoted = _QUOTED.match(meant.strip()) is not None
    return Correction("", right) if is_quoted or is_meant(right) else None


def _is_phrase(text: str) -> bool:
    """Return True if `text` can be the right word, unlike "fine" or "my fault"."""
    words = text.lower().split()
    is_common = _COMMON.intersection(words[:1]) or (_COMMON_ZH.search(text) is not None)
    return len(words) <= 3 and not is_common


def _is_name(text: str) -> bool:
    """Return True if every word of `text` is capitalised like a name."""
    words = text.split()
    return len(words) <= 3 and all(w[0].isupper() and w.lower() not in _COMMON for w in words)
