"""Languages by name: what people call them, and what to call them to a person."""

from __future__ import annotations

from functools import cache

from babel import Locale, UnknownLocaleError

from core.locale import LANGUAGES

#: Languages that many speak (BCP 47). They may be called by their own names; to know those of all
#: languages costs 100 MB.
_COMMON = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl pl pt ro ru "
    "sk sl sr sv sw ta th tr uk ur vi zh"
)
COMMON_LANGUAGES = tuple(_COMMON.split())


def name_language(language: str, reader: str) -> str:
    """Return what `language` (BCP 47, or "mul" for several) is called in the reader's language."""
    own = reader.lower().split("-")[0]
    own = own if own in LANGUAGES else "en"
    try:
        return str(Locale.parse(language, sep="-").get_display_name(own))
    except (UnknownLocaleError, ValueError):
        # "mul" is a name of no locale.
        return str(Locale(own).languages.get(language, language))


def find_language(name: str) -> str | None:
    """Return the language (BCP 47) that is meant by "de", "pt-BR", "German", "Deutsch", "德语"."""
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
    """Return the languages by their names in the catalogues' languages, and in their own."""
    found: dict[str, str] = {}
    for code in COMMON_LANGUAGES:
        found[str(Locale(code).get_language_name()).casefold()] = code
    for reader in (*LANGUAGES, "en"):
        for code, name in Locale(reader).languages.items():
            found[name.casefold()] = code.replace("_", "-")
    return found
