"""The words of the pages: a module for each language, with the same keys."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from babel import Locale

from core.locale import LANGUAGES
from tests.locale.catalogues import WORDS, names, read_page_words
from tests.support.paths import ROOT

ALL = ("en", *LANGUAGES)
STATIC = ROOT / "bots" / "web_chat" / "static"
#: Parts of the words, and the pages that fill them in.
PAGES = {"page": "index.html", "operator": "operator/index.html"}
#: Longest label of a button on a screen of 320 pixels.
BUTTON_CHARS = 16
BUTTONS = ("ask", "fix", "retry", "copy", "send", "cancel", "summary", "show_all", "show_less")


def test_each_language_has_its_words_and_no_other_has() -> None:
    assert {path.stem for path in WORDS.iterdir()} == set(ALL)
    for language in ALL:
        script = (WORDS / f"{language}.js").read_text(encoding="utf-8")
        [tag] = re.findall(r'^export const lang = "(.+)";$', script, re.MULTILINE)
        assert Locale.parse(tag, sep="-").language == language


@pytest.mark.parametrize("language", ALL)
def test_the_keys_are_those_of_english(language: str) -> None:
    english, words = read_page_words("en"), read_page_words(language)
    assert words.keys() == english.keys() == {"page", "operator", "login"}
    for part in english:
        assert list(words[part]) == sorted(english[part]), part


@pytest.mark.parametrize("language", ALL)
def test_forms_and_names_are_complete(language: str) -> None:
    """Browsers choose a form by the rules of the Unicode project, as Babel does.

    Some languages have one more for millions, which may be left out.
    """
    rule = Locale(language).plural_form
    used = Counter(map(rule, range(126)))
    needed, possible = {*used, "other"}, {*rule.tags, "other"}
    for part, keys in read_page_words("en").items():
        for key, english in keys.items():
            forms = read_page_words(language)[part][key]
            is_counted = len(english) > 1
            assert needed <= set(forms) <= possible if is_counted else set(forms) == {"other"}, key
            for name, form in forms.items():
                # A form for one number alone need not name it.
                is_kept = names(form) == names(english["other"]) or used[name] == 1
                assert form.strip() and is_kept, key


@pytest.mark.parametrize("language", ALL)
def test_buttons_are_short(language: str) -> None:
    page = read_page_words(language)["page"]
    assert [key for key in BUTTONS if len(page[key]["other"]) > BUTTON_CHARS] == []


@pytest.mark.parametrize("part", PAGES)
def test_every_text_that_a_page_names_exists(part: str) -> None:
    html = (STATIC / PAGES[part]).read_text(encoding="utf-8")
    named = set(re.findall(r'data-(?:text|label|placeholder)="(\w+)"', html))
    assert len(named) > 20 and named <= read_page_words("en")[part].keys()
