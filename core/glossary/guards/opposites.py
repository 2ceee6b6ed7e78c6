"""Negations, and words that turn a sentence into its opposite, in many languages. Pure.

Words are compared as `core.text.lookalikes.fold` writes them, without accents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from core.glossary.guards.words import list_disguised, split
from core.text.lookalikes import fold
from core.text.scripts import HANGUL, UNSPACED

# English (contractions have a rule of their own), German, Dutch, French, Spanish, Portuguese,
# Italian, Russian, Polish, Turkish, Arabic, Hindi, Korean; then Swedish, Danish and Norwegian,
# Czech, Slovak, Croatian and Serbian, Greek, Hebrew, Vietnamese, Indonesian, Romanian, Hungarian,
# Finnish and Estonian, Persian, Ukrainian and Bulgarian, Urdu, Bengali, Swahili.
_NEGATIVE_WORDS = """
no not never none nobody nothing nowhere neither nor cannot without nope nah hardly except unless
barely scarcely dont doesnt didnt isnt arent wasnt werent wouldnt shouldnt couldnt cant hasnt havent
hadnt aint mustnt neednt wont yes yeah yep yup aye
nein nicht nichts nie niemals niemand kein keine keinen keinem keiner keines ohne weder ja doch kaum
nee niet niets nooit geen zonder nauwelijks
non ne pas jamais rien aucun aucune sans oui guere
si nunca jamas nada nadie ningun ninguno ninguna sin tampoco
nao ninguem nenhum nenhuma sem sim
mai niente nessuno nessuna senza neanche
не нет ни никогда никто ничего нельзя без да
nigdy nikt nic bez zaden zadna tak
degil hayir yok asla evet
لا ليس ليست لم لن غير بدون نعم
नही नहीं मत ना हां हाँ
아니 아니요 안 못 없 없다 네 예
inte icke ej aldrig ingen inget ingenting nej ikke aldri ingenting nei
neni nikdy nikdo nic zadny nikoho nije nisam nisi nisu nece nemam nikad nikada није нисам никад
δεν δε μην μη οχι ποτε κανενασ κανεισ τιποτα ναι
לא כן אין בלי אל אף לעולם
khong chua chang dung vang
tidak tak bukan jangan belum
nu nici niciodata nimeni nimic
nem nincs nincsenek sem soha senki semmi igen
ei eivat emme ette enka koskaan kukaan kylla mitte
نه نیست نیستم بدون هیچ هرگز بله خیر
ні ніколи ніхто нічого немає няма никога
نہیں ہاں জী না নয় নেই নি হ্যাঁ hapana ndiyo ndio si
"""
#: Negations, and plain consent: none may be added or removed.
_NEGATIONS = frozenset(_NEGATIVE_WORDS.split())
_CONTRACTION = re.compile(r"\w+n't|\w*(?:않|없)\w*|\w+sizlik")
#: Parts of words and of texts that negate, in Turkish, in Persian, in Japanese and in Thai.
_NEGATIVE_PARTS = re.compile(
    r"(?<=\w)m[iu]yor|(?<=\w)m[ea](?:di|yecek|yacak|mis|meli|mali|z\b|m\b|sin)|\b[نم]می|\bنمي"
    r"|ません|なかった|ない|なく|いいえ|はい|うん|ไม่|มิได้|ใช่|อย่า"
)
#: Chinese and Japanese characters that negate.
_ZH_NEGATIONS = frozenset("不没沒无無非未勿莫否毋甭弗拒别別")
#: Chinese consent, where it is all that is said.
_ZH_CONSENT = frozenset(
    (
        "是",
        "是的",
        "对",
        "對",
        "对的",
        "好",
        "好的",
        "行",
        "可以",
        "同意",
        "要",
        "会",
        "能",
        "有",
    )
)

_ANY = re.compile("")
_OF_PROCESS = re.compile(r"(?:at|i[sz]|ify|ifi|code|crypt|grade|value|fund|list|escalat)\w{0,4}$")
#: Beginnings that turn a word into its opposite, with the ends of the words that have them, and
#: the fewest letters of the rest. Others with these letters are no opposites: light, delight.
_LEAST_STEM = 4
_PREFIXES = (
    (
        ("un", "in", "im", "il", "ir", "dis", "non", "anti", "mis", "miss", "не", "ne"),
        _ANY,
        _LEAST_STEM,
    ),
    (("de",), _OF_PROCESS, _LEAST_STEM),
    (("ن", "نا", "بي", "بی", "अ", "अन", "बे", "ना", "নি", "অ"), _ANY, _LEAST_STEM),
    (("불", "비", "무", "부", "미", "반", "몰"), _ANY, 2),
)
_EAST_ASIAN = re.compile(f"[{UNSPACED}{HANGUL}]+")
_ENDINGS = ("", "s", "es", "ed", "d", "ing")


@cache
def _load_pairs() -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Return words of opposite sense: those of one side and of the other."""
    text = files("core.glossary.guards").joinpath("opposites.txt").read_text(encoding="utf-8")
    lines = (line.split("|") for line in text.splitlines() if not line.startswith("#"))
    return tuple((frozenset(one.split()), frozenset(other.split())) for one, other in lines)


def list_negations(text: str) -> tuple[str, ...]:
    """Return the negations and the plain consent in a text, in order, folded.

    Those that it only seems to have ("n-o-t") come last.
    """
    words = split(fold(text))
    shown = [word for word in words if _is_negation(word)]
    seen = {word for word in list_disguised(text) if _is_negation(word)}
    whole = "".join(words)
    consent = [whole] if whole in _ZH_CONSENT else []
    parts = _NEGATIVE_PARTS.findall(fold(text))
    return (*shown, *consent, *parts, *sorted(seen - {*words}))


def are_opposites(one: str, other: str) -> bool:
    """Return True if a word of one text is replaced by its opposite in the other."""
    left, right = _list_units(one), _list_units(other)
    only_left, only_right = left - right, right - left
    for first, second in _load_pairs():
        for these, those in ((only_left, only_right), (only_right, only_left)):
            if these & first and those & second:
                return True
    return any(_negates(a, b) or _negates(b, a) for a in only_left for b in only_right)


def _is_negation(word: str) -> bool:
    return word in _NEGATIONS or word in _ZH_NEGATIONS or bool(_CONTRACTION.fullmatch(word))


def _list_units(text: str) -> set[str]:
    """Return the words of a text without endings, and East Asian ones of two and three characters.

    These stand within others, or with what is written after them.
    """
    words = [*split(fold(text)), *list_disguised(text)]
    units = {base for word in words for base in _list_bases(word)}
    for run in _EAST_ASIAN.findall("".join(split(fold(text)))):
        units |= {run[at : at + n] for n in (2, 3) for at in range(len(run) - n + 1)}
    return units


def _list_bases(word: str) -> Iterator[str]:
    for ending in _ENDINGS:
        base = word.removesuffix(ending)
        if word.endswith(ending) and (not ending or len(base) > 2):
            yield base
            yield f"{base}e"


def _negates(word: str, base: str) -> bool:
    """Return True if `word` is `base` with a beginning or an ending that negates it."""
    if word.endswith(base):
        prefix = word[: len(word) - len(base)]
        return any(
            prefix in prefixes and len(base) >= least and ending.search(base)
            for prefixes, ending, least in _PREFIXES
        )
    return len(base) >= _LEAST_STEM and word == f"{base.removesuffix('ful')}less"
