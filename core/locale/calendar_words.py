"""Words for days, months, times of day and units of many languages, from the Unicode project.

Write them anew after an update of Babel: python -m core.locale.calendar_words. They are kept in a
file, because Babel would take half a second and many megabytes to load so many languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from babel import Locale, localedata
from babel.units import UnknownUnitError, format_unit

from core.locale.languages import COMMON_LANGUAGES
from core.text.lookalikes import fold

PATH = Path(__file__).parents[1] / "glossary" / "guards" / "calendar.txt"
#: Of more than these, some names are common words in many languages: cup, point, stone.
_UNITS = """
duration: century decade year quarter month week fortnight day night hour minute second millisecond
length: kilometer meter decimeter centimeter millimeter mile yard foot inch
mass: ton tonne kilogram gram milligram ounce pound
volume: liter deciliter centiliter milliliter gallon
area: hectare acre
temperature: celsius fahrenheit
concentr: percent
digital: kilobyte megabyte gigabyte terabyte
"""
#: Its words have one syllable: folded, without their tones, most are several words and names.
_AMBIGUOUS = frozenset({"vi"})
#: What is written otherwise elsewhere.
_VARIANTS = {"en": ("en_GB",), "pt": ("pt_PT",), "zh": ("zh_Hant",)}
#: One of each form that a noun has after numbers, in all languages.
_COUNTS = (0, 1, 2, 3, 5, 11, 100, 1.5)
_NO_WORD = re.compile(r"[\s\d/%٪()-]")
#: Numbers, and what shows nothing.
_FILLING = re.compile(r"\d+(?:[.,٫]\d+)?|[\u200e\u200f]")


def build_words() -> str:
    """Return the file: a line per language and kind, with the words folded.

    Kinds: weekday0 (Monday) to weekday6, month1 to month12, times of day, and units. Of words of
    several parts ("in the morning") there are none.
    """
    lines = []
    for language in sorted({*COMMON_LANGUAGES} - _AMBIGUOUS):
        found: dict[str, set[str]] = {}
        for name in (language, *_VARIANTS.get(language, ())):
            # Babel confuses the names of languages that it has loaded one after the other.
            localedata._cache.clear()
            for kind, text in _list_names(Locale.parse(name)):
                word = fold(_FILLING.sub("", text)).strip(" .")
                if len(word) > 1 and not _NO_WORD.search(word):
                    found.setdefault(kind, set()).add(word)
        lines += [f"{language} {kind} {' '.join(sorted(found[kind]))}" for kind in sorted(found)]
    return "\n".join([*lines, ""])


def _list_names(locale: Locale) -> Iterator[tuple[str, str]]:
    """Yield the kind of each name, and the name."""
    for context in ("format", "stand-alone"):
        for number, name in locale.days[context]["wide"].items():
            yield f"weekday{number}", name
        for number, name in locale.months[context]["wide"].items():
            yield f"month{number}", name
        for period, name in locale.day_periods.get(context, {}).get("wide", {}).items():
            yield period.rstrip("12"), name
    for group in _UNITS.strip().splitlines():
        quantity, _, names = group.partition(": ")
        for name in names.split():
            # Not all languages have all units.
            with suppress(UnknownUnitError):
                for count in _COUNTS:
                    yield name, _count(count, f"{quantity}-{name}", locale)


def _count(count: float, unit: str, locale: Locale) -> str:
    """Return "5 days". Raises UnknownUnitError."""
    text = format_unit(count, unit, locale=locale)
    # Where the short form is the long one, Babel has the short one only.
    return format_unit(count, unit, "short", locale=locale) if text.endswith(unit) else text


if __name__ == "__main__":
    PATH.write_text(build_words(), encoding="utf-8")
