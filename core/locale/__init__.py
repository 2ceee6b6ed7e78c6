"""Texts that people see: English in the code, a gettext catalogue for each other language.

`make texts` collects the messages from the code and merges them into the catalogues.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

#: Languages that have a catalogue, besides English.
LANGUAGES = ("ru", "zh")
#: Names of values that are texts themselves. All others may be people's words, which stay.
TEXT_VALUES = frozenset({"reason", "failure", "delay"})


def mark(text: str) -> str:
    """Mark `text` for the catalogues without translating it yet."""
    return text


@dataclass(frozen=True, slots=True)
class Plural:
    """A text that has one form for each grammatical number of its language."""

    one: str
    many: str
    #: The number; it fills in {count}.
    count: int


def translate(text: str | Plural, language: str, /, **values: object) -> str:
    """Return `text` in `language` (BCP 47) with its {names} filled in.

    Falls back to English. Values that are texts of ours (`TEXT_VALUES`, Plural) are translated too.
    """
    known = _catalogue(language.lower().split("-")[0])
    filled = {name: _fill(known, name, value) for name, value in values.items()}
    if isinstance(text, Plural):
        filled["count"] = text.count
        return known.ngettext(text.one, text.many, text.count).format_map(_Values(filled))
    # The translation of an empty text would be the catalogue's header.
    return (known.gettext(text) if text else "").format_map(_Values(filled))


def count_characters(count: int) -> Plural:
    """Return the text "5000 characters", for limits."""
    return Plural("{count} character", "{count} characters", count)


def list_counts(counts: Iterable[Plural], language: str) -> str:
    """Return the counts that are not 0 in `language`: "6 messages, 2 people"."""
    shown = (translate(count, language) for count in counts if count.count)
    return translate(", ", language).join(shown)


def _fill(known: NullTranslations, name: str, value: object) -> object:
    if isinstance(value, Plural):
        form = known.ngettext(value.one, value.many, value.count)
        return form.format_map(_Values(count=value.count))
    return known.gettext(str(value)) if name in TEXT_VALUES and value else value


class _Values(dict[str, object]):
    """Leaves an unknown {name} unfilled: showing a text must never fail."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def _catalogue(language: str) -> NullTranslations:
    if language not in LANGUAGES:
        return NullTranslations()
    # Only here: worker processes mark texts but never show one.
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    compiled = BytesIO()
    with files("core.locale").joinpath(language, "hearsay.po").open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return GNUTranslations(compiled)
