"""Names of languages: reading them and showing them."""

from __future__ import annotations

from functools import cache

from babel import Locale, UnknownLocaleError

from core.locale import LANGUAGES

#: Common languages (BCP 47), which are also known by their own names; loading the own names of
#: all languages costs 100 MB.
_COMMON = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl pl pt ro ru "
    "sk sl sr sv sw ta th tr uk ur vi zh"
)
COMMON_LANGUAGES = tuple(_COMMON.split())


def name_language(language: str, reader: str) -> str:
    """Return the name of `language` (BCP 47, or "mul" for several) in the language `reader`."""
    own = reader.lower().split("-")[0]
    own = own if own in LANGUAGES else "en"
    try:
        return str(Locale.parse(language, sep="-").get_display_name(own))
    except (UnknownLocaleError, ValueError):
        # "mul" is not a locale.
        return str(Locale(own).languages.get(language, language))


def find_language(name: str) -> str | None:
    """Return the BCP 47 code of "de", "pt-BR", "German", "Deutsch" or "德语", None if unknown."""
    wanted = " ".join(name.split()).casefold()
    if not wanted:
        return None
    try:
        locale = Locale.parse(wanted.replace("_", "-"), sep="-")
        return str(locale).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        return _languages().get(wanted)


@cache
def _languages() -> dict[str, str]:
    """Return language codes by name: in each catalogue's language, and in their own."""
    found: dict[str, str] = {}
    for code in COMMON_LANGUAGES:
        found[str(Locale(code).get_language_name()).casefold()] = code
    for reader in (*LANGUAGES, "en"):
        for code, name in Locale(reader).languages.items():
            found[name.casefold()] = code.replace("_", "-")
    return found
