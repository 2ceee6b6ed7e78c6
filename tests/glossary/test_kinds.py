"""Days and units of many languages: where the words come from."""

from __future__ import annotations

from core.glossary.guards.kinds import has_other_kinds
from core.locale.calendar_words import PATH, build_words
from core.locale.languages import COMMON_LANGUAGES


def test_the_words_are_those_of_babel() -> None:
    assert PATH.read_text(encoding="utf-8") == build_words(), "python -m core.locale.calendar_words"


def test_every_common_language_but_one_has_days() -> None:
    lines = PATH.read_text(encoding="utf-8").splitlines()
    languages = {line.split()[0] for line in lines if " weekday" in line or " month" in line}
    assert {*COMMON_LANGUAGES} - languages == {"vi"}


def test_two_languages_are_not_compared() -> None:
    assert has_other_kinds("ten days", "ten weeks")
    assert has_other_kinds("weeks and days", "days and weeks")
    assert not has_other_kinds("Montag", "weeks"), "German and English"
    assert not has_other_kinds("Kovalsky", "weeks")
