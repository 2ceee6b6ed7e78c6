"""Texts that people see. English is the key; a catalogue per language holds the rest.

`make texts` collects the keys from the code and merges them into every catalogue.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

#: Languages that have a catalogue, besides English.
LANGUAGES = ("zh",)


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


class _Values(dict[str, object]):
    """Leaves an unknown {name} as it stands: a text must never fail to be shown."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language not in LANGUAGES:
        return {}
    # Only here: children that read sound mark texts and never show one.
    from babel.messages.pofile import read_po

    with files("core.locale").joinpath(language, "hearsay.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}
