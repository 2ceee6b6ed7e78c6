"""Texts that people see: English in the code, a gettext catalogue for each other language.

`make texts` collects the messages from the code and merges them into the catalogues.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

#: Languages that have a catalogue, besides English.
LANGUAGES = ("zh",)


def mark(text: str) -> str:
    """Mark `text` for the catalogues without translating it yet."""
    return text


def translate(text: str, language: str, /, **values: object) -> str:
    """Return `text` in `language` (BCP 47) with its {names} filled in.

    Falls back to English. Values that are texts themselves are translated too.
    """
    known = _catalogue(language.lower().split("-")[0])
    filled = {n: known.get(v, v) if isinstance(v, str) else v for n, v in values.items()}
    return known.get(text, text).format_map(_Values(filled))


class _Values(dict[str, object]):
    """Leaves an unknown {name} unfilled: showing a text must never fail."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@cache
def _catalogue(language: str) -> dict[str, str]:
    if language not in LANGUAGES:
        return {}
    # Only here: worker processes mark texts but never show one.
    from babel.messages.pofile import read_po

    with files("core.locale").joinpath(language, "hearsay.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id and m.string}
