"""The catalogues and the words of the pages, as tests read them."""

from __future__ import annotations

import json
import re
import string
from functools import cache

from babel.messages import Catalog
from babel.messages.pofile import read_po

from core.locale.collect import Text, collect
from tests.support.paths import ROOT

WORDS = ROOT / "bots" / "web_chat" / "static" / "words"
#: Forms of a text in a pages' module: that of the number 1 is called "one".
Forms = dict[str, str]

_PART = re.compile(
    r"^export const (page|operator|login) = \{\n(.*?)^\};$", re.MULTILINE | re.DOTALL
)
_LINE = re.compile(r'  (\w+): (".*"|\{ .* \}),')
_FORM = re.compile(r'(\w+): ("(?:[^"\\]|\\.)*")')


#: All texts of the program, with the files that contain them.
texts = cache(collect)


@cache
def read_catalogue(language: str) -> Catalog:
    """Return the catalogue of a language. Raises PoFileError."""
    with (ROOT / "core" / "locale" / language / "hearsay.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@cache
def list_forms(language: str) -> dict[Text, tuple[str, ...]]:
    """Return text -> translations: one, or of a plural one for each of its forms."""
    found: dict[Text, tuple[str, ...]] = {}
    for message in read_catalogue(language):
        if message.id:
            text = (message.id[0], message.id[1]) if message.pluralizable else str(message.id)
            forms = message.string
            found[text] = (forms,) if isinstance(forms, str) else tuple(map(str, forms or ()))
    return found


def many(text: Text) -> str:
    """Return the English text for large numbers."""
    return text if isinstance(text, str) else text[1]


def names(text: str) -> list[str]:
    """Return the placeholders of a text, sorted."""
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def commands(text: str) -> set[str]:
    """Return the commands in a text: "/forget"."""
    return set(re.findall(r"(?<![\w/])/[a-z]+", text))


@cache
def read_page_words(language: str) -> dict[str, dict[str, Forms]]:
    """Return part -> key -> forms of the words of the pages; most have the form "other" alone."""
    script = (WORDS / f"{language}.js").read_text(encoding="utf-8")
    parts = _PART.findall(script)
    return {part: dict(map(_read_line, block.splitlines())) for part, block in parts}


def _read_line(line: str) -> tuple[str, Forms]:
    found = _LINE.fullmatch(line)
    assert found, f"not one text in a line: {line}"
    key, value = found.groups()
    if value.startswith("{"):
        return key, {form: json.loads(text) for form, text in _FORM.findall(value)}
    return key, {"other": json.loads(value)}
