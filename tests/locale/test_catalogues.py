"""Each catalogue is complete, and its translations keep what the texts must not lose."""

from __future__ import annotations

import re

import pytest

from bots.telegram_bot.menu import MAX_HELP_CHARS
from core.commands import menu
from core.locale import LANGUAGES, translate
from tests.locale.catalogues import (
    commands,
    list_forms,
    many,
    names,
    read_catalogue,
    read_page_words,
    texts,
)

#: What stays as it is: settings, names of people, shell commands, arrows and time zones' slashes.
KEPT = re.compile(r"[A-Z]{2,}_[A-Z_]+|@\w+|make offline|apt install espeak-ng|→|⁠|\n|Hearsay")
#: How sentences end in the scripts of our languages, in the order of ENDS.
ENDS = ".?:"
FOREIGN_ENDS = {"zh": "。？：", "ru": ENDS}
TYPOGRAPHY = {
    # Straight and English quotes, hyphens as dashes, spaces before punctuation, capital "you".
    "ru": r"[\"“”„]|(?<!\d) [-–] |  | [,.!?;:…]|(?<![.?!»:]) В(?:ы|ас|ам|аш\w*)\b",
    # Western punctuation between Chinese characters.
    "zh": r"\"|(?<=[\u4e00-\u9fff])[,!?;]|  |您|帐号|撤消",
}
#: A word with letters of two alphabets, which look alike.
MIXED = re.compile(r"\b\w*(?:[a-z][а-яё]|[а-яё][a-z])\w*\b", re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_in_every_form(language: str) -> None:
    known = list_forms(language)
    missing = [text for text in texts() if not all(known.get(text) or [""])]
    assert missing == [], f"translate these in core/locale/{language}/hearsay.po (make texts)"
    assert known.keys() - texts().keys() == set(), "no longer used: make texts"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_a_guess_or_left_over(language: str) -> None:
    catalogue = read_catalogue(language)
    assert [message.id for message in catalogue if message.fuzzy and message.id] == []
    assert list(catalogue.obsolete) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_names_commands_and_markup(language: str) -> None:
    for text, forms in list_forms(language).items():
        for translated in forms:
            assert names(translated) == names(many(text)), text
            assert commands(translated) == commands(many(text)), text
            assert sorted(KEPT.findall(translated)) == sorted(KEPT.findall(many(text))), text
            assert translated.strip() == translated or many(text) == ", ", text


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_end_as_they_should_in_their_script(language: str) -> None:
    for text, forms in list_forms(language).items():
        end = ENDS.find(many(text)[-1])
        for translated in forms:
            # "Language: {language}. /language auto detects it." may end with the command.
            is_command = re.search(r"/\w+[^.。]*[.]?$", translated) and "/" in many(text)
            found = FOREIGN_ENDS.get(language, ENDS).find(translated[-1])
            assert found == end or is_command or (end < 0 and found < 0), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_punctuation_is_that_of_the_language(language: str) -> None:
    wrong = re.compile(TYPOGRAPHY.get(language, "  "))
    shown = [form for forms in list_forms(language).values() for form in forms]
    for part in read_page_words(language).values():
        shown += [form for forms in part.values() for form in forms.values()]
    # Options of /say on the page are typed as they stand.
    shown = [re.sub(r'style:"[^"]*"', "style", text) for text in shown]
    assert [text for text in shown if wrong.search(text) and text != ", "] == []
    assert [text for text in shown if MIXED.search(re.sub(r"\{\w+\}", "", text))] == []


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_telegram_shows_every_description_whole(language: str) -> None:
    for name, command in menu():
        assert 1 <= len(translate(command.help, language)) <= MAX_HELP_CHARS, name
