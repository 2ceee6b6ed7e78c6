"""Numbers in texts: each language has the forms that the Unicode project lists for it."""

from __future__ import annotations

import re
from gettext import c2py

import pytest
from babel import Locale

from core.locale import LANGUAGES, Plural, translate
from tests.locale.catalogues import list_forms, read_catalogue, read_page_words, texts

COUNTS = range(126)
#: Abbreviations, which stay the same after every number.
UNITS = {"min", "s", "h", "d", "MB", "KB"}
#: A number before a word. Amounts, such as the limits of budgets, come with their unit.
COUNTED = re.compile(r"\{(?:count|hours|days|minutes|seconds|n)\} ([A-Za-z]+)|\(s\)")


def list_plurals() -> list[tuple[str, str]]:
    """Return the texts with a number. Finding them takes longer than to read this file."""
    return [text for text in texts() if isinstance(text, tuple)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_has_its_form(language: str) -> None:
    """Numbers of one category have one form, and those of different ones different forms."""
    plurals = list_plurals()
    assert len(plurals) > 20
    form_of, locale = _list_forms(language), Locale(language)
    categories = {locale.plural_form(n): form_of[n] for n in COUNTS}
    assert len(set(categories.values())) == len(categories) == read_catalogue(language).num_plurals
    for one, many in plurals:
        forms = list_forms(language)[one, many]
        # Where there are both, they are never the same: a copied form is a mistake.
        assert not {"few", "many"} <= categories.keys() or len({*forms[1:]}) == 2, many
        for n in COUNTS:
            shown = translate(Plural(one, many, n), language)
            assert form_of[n] == categories[locale.plural_form(n)]
            assert shown == forms[form_of[n]].format(count=n) and str(n) in shown, (many, n)


def _list_forms(language: str) -> list[int]:
    """Return number -> which form the catalogue's own rule chooses for it."""
    choose = c2py(read_catalogue(language).plural_expr)
    return [int(choose(n)) for n in COUNTS]


def test_english_fills_in_every_number_too() -> None:
    for one, many in list_plurals():
        shown = [translate(Plural(one, many, n), "en") for n in COUNTS]
        assert not any("{" in text for text in shown) and shown[1] != shown[2]


def test_texts_with_a_number_have_forms() -> None:
    """A number before a noun needs `Plural`: other languages have more forms than two."""
    alone = [
        (text, found.group())
        for text in texts()
        if isinstance(text, str) and (found := COUNTED.search(text)) and found[1] not in UNITS
    ]
    assert alone == []
    for part in read_page_words("en").values():
        for key, forms in part.items():
            found = COUNTED.search(forms["other"])
            assert (
                len(forms) == 2
                or found is None
                or found[1] in UNITS | {"audio", "cached", "reasoning"}
            ), key
