"""Names of languages: reading them and showing them."""

from __future__ import annotations

import re
from functools import cache

from babel import Locale, UnknownLocaleError, localedata

from core.locale import LANGUAGES, mark, translate

#: Common languages (BCP 47), which are also known by their own names; loading the own names of
#: all languages costs 100 MB.
_COMMON = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl pl pt ro ru "
    "sk sl sr sv sw ta th tr uk ur vi zh"
)
COMMON_LANGUAGES = tuple(_COMMON.split())
#: Of voices that speak several; the official names of "mul" mean something else in some languages.
SEVERAL = mark("Multiple languages")
#: Codes that the Unicode project has data for, though they name no language.
_NO_LANGUAGE = frozenset({"root", "und", "c"})
#: Names that people say, beside the official ones.
_EVERYDAY = {"普通话": "zh", "国语": "zh", "mandarin": "zh", "farsi": "fa"}
#: How similar a name must be to be offered instead, in percent.
_LEAST_PERCENT = 60


def name_language(language: str, reader: str) -> str:
    """Return the name of `language` (BCP 47, or "mul" for several) in the language `reader`."""
    own = _find_own(reader)
    try:
        return str(Locale.parse(language, sep="-").get_display_name(own))
    except (UnknownLocaleError, ValueError):
        if language == "mul":
            return translate(SEVERAL, own)
        return str(Locale(own).languages.get(language, language))


def label_language(language: str, reader: str) -> str:
    """Return what `name_language` does, for a button: with a capital, as sentences begin."""
    name = name_language(language, reader)
    return name[:1].upper() + name[1:]


def localize_number(digits: str, reader: str) -> str:
    """Return "12.5" as it is written in the language `reader`: "12,5" in Russian."""
    if "." not in digits:
        return digits
    symbols = Locale(_find_own(reader)).number_symbols
    return digits.replace(".", str(symbols["latn"]["decimal"]))


def find_language(name: str) -> str | None:
    """Return the BCP 47 code of "de", "pt-BR", "German", "Deutsch" or "德语", None if unknown."""
    wanted = " ".join(name.split()).casefold()
    if not wanted or wanted in _NO_LANGUAGE:
        return None
    try:
        locale = Locale.parse(wanted.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError):
        # In Chinese a language is also called after its writing: 德文 is 德语.
        return _languages().get(wanted) or _languages().get(wanted.removesuffix("文") + "语")
    # A code alone, such as "ger", names no country.
    return str(locale).replace("_", "-") if re.search("[-_]", wanted) else locale.language


def find_spoken_language(name: str) -> str | None:
    """Return what `find_language` does, but None for a language such as Klingon or Old English.

    Recordings are not made in one that the Unicode project has no data for.
    """
    code = find_language(name)
    return code if code and localedata.exists(code.replace("-", "_")) else None


def search_languages(typed: str) -> list[str]:
    """Return the codes of languages whose names begin with what is typed, common ones first."""
    wanted = " ".join(typed.split()).casefold()
    if not wanted:
        return []
    begins = (code for name, code in _languages().items() if name.startswith(wanted))
    found = [code for code in begins if localedata.exists(code)]
    exact = [code] if (code := find_language(typed)) else []
    return list(dict.fromkeys((*exact, *sorted(found, key=_is_rare))))


def find_similar_languages(typed: str) -> list[str]:
    """Return the codes of common languages whose names look like what is typed, at most three."""
    # Only here: 6 MB that few people make the program need.
    from rapidfuzz import fuzz, process

    names = [name for name, code in _languages().items() if not _is_rare(code)]
    wanted = " ".join(typed.split()).casefold()
    found = process.extract(wanted, names, scorer=fuzz.ratio, score_cutoff=_LEAST_PERCENT)
    return list(dict.fromkeys(_languages()[name] for name, *_ in found))[:3]


def _find_own(reader: str) -> str:
    """Return the language in which texts are shown to whoever reads `reader`."""
    own = reader.lower().split("-")[0]
    return own if own in LANGUAGES else "en"


def _is_rare(code: str) -> bool:
    return code not in COMMON_LANGUAGES


@cache
def _languages() -> dict[str, str]:
    """Return language codes by name: in each catalogue's language, and in their own."""
    found = dict(_EVERYDAY)
    for code in COMMON_LANGUAGES:
        found[str(Locale(code).get_language_name()).casefold()] = code
    for reader in (*LANGUAGES, "en"):
        for code, name in Locale(reader).languages.items():
            found[name.casefold()] = code.replace("_", "-")
    return found
