"""Texts that people see. English is the key; a catalogue per language holds the rest.

`make texts` collects the keys from the code and merges them into every catalogue.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError
from babel.messages.pofile import read_po

#: Languages that have a catalogue, besides English.
LANGUAGES = ("zh",)
#: Languages that many speak (BCP 47). They may be called by their own names; to know those of all
#: languages costs 100 MB.
_COMMON = (
    "ar bg bn ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv ms nb nl pl pt ro ru "
    "sk sl sr sv sw ta th tr uk ur vi zh"
)
COMMON_LANGUAGES = tuple(_COMMON.split())


def mark(text: str) -> str:
    """Mark `text` for translation where it is only kept, not yet shown."""
    return text


def translate(text: str, language: str, /, **values: object) -> str:
    """Return `text` in the person's `language` (BCP 47), with its {names} filled in.

    A language without a catalogue, or a text it lacks, falls back to English. A value that is
    a text itself is translated too.
    """
    known = _catalogue(language.lower().split("-")[0])
    filled = {n: known.get(v, v) if isinstance(v, str) else v for n, v in values.items()}
    return known.get(text, text).format_map(_Values(filled))


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


class _Values(dict[str, object]):
    """Leaves an unknown {name} as it stands: a text must never fail to be shown."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language not in LANGUAGES:
        return {}
    with files("core.locale").joinpath(language, "hearsay.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}
