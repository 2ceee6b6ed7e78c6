"""What texts tell people to type is understood, in every language."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from core.commands.arguments import CHOICES, name_choice, read_word
from core.commands.remember import read_days
from core.commands.translate import read_target
from core.locale import LANGUAGES, translate
from core.summaries.digests import parse_digest_time
from core.summaries.ranges import RangeContext, parse_request
from tests.locale.catalogues import list_forms, many, texts

NOW = RangeContext(datetime(2026, 3, 4, 12, tzinfo=UTC), thread_id="7", reply_to="5")
#: What is typed after a command in an example.
SUMMARY = re.compile(r"/summary (?!and\b|for\b|summarizes\b)([^\n。，]+)")
DIGEST = re.compile(r"/digest (\d\d:\d\d[^\n。，]*)")
TRANSLATE = re.compile(r".*/translate ([^\n。，]+)")
#: Texts that list what can be typed, and examples that stand alone.
LISTS = (
    "last 2h | 200 | unread | topic | me | voice | short", "last 2h | 200 | voice | short",
    "unread", "last 2h", "today", "200 messages", "this topic", "this thread", "for me only",
    "as voice",
)  # fmt: skip
DIGESTS = ("09:00 weekdays", "18:00 topic", "18:00 thread")


def find_examples(pattern: re.Pattern[str], language: str) -> list[tuple[str, str]]:
    """Return what the texts show after a command, in English and in a language."""
    pairs = []
    for text in map(many, texts()):
        if english := pattern.search(text):
            translated = pattern.search(translate(text, language))
            assert translated, text
            pairs.append((english[1], translated[1]))
    return pairs


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_of_summary_mean_the_same(language: str) -> None:
    shown = {text: translate(text, language) for text in LISTS}
    pairs = [
        pair
        for text, translated in shown.items()
        for pair in zip(text.split(" | "), translated.split(" | "), strict=True)
    ]
    pairs += find_examples(SUMMARY, language)
    assert len(pairs) > 20
    for english, translated in pairs:
        assert parse_request(translated, NOW) == parse_request(english, NOW), translated


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_of_digest_mean_the_same(language: str) -> None:
    pairs = [(text, translate(text, language)) for text in DIGESTS]
    pairs += find_examples(DIGEST, language)
    assert len(pairs) > len(DIGESTS)
    for english, translated in pairs:
        ours, theirs = parse_digest_time(english), parse_digest_time(translated)
        assert (ours.at, ours.is_weekdays, ours.is_topic) == (
            theirs.at, theirs.is_weekdays, theirs.is_topic,
        )  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_of_translate_name_a_language(language: str) -> None:
    shown = find_examples(TRANSLATE, language)
    assert len(shown) > 2
    for _, translated in shown:
        assert read_target(translated)[0], translated


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_are_read_and_choices_have_names_of_their_own(language: str) -> None:
    assert read_days(translate("30d", language)) == 30
    for choice in CHOICES:
        assert read_word(name_choice(choice, language)) == choice
    assert len({name_choice(choice, language) for choice in CHOICES}) == len(CHOICES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_after_a_command_are_its_choices(language: str) -> None:
    """ "/remember me off" has to name the same two words, or it does something else."""
    for text, forms in list_forms(language).items():
        for translated in forms:
            assert _list_choices(translated) == _list_choices(many(text)), text


def _list_choices(text: str) -> list[str]:
    found = []
    for command, words in re.findall(r"(?<!\w)/([a-z]+)((?: \w+){0,2})", text):
        chosen = []
        for word in map(read_word, words.replace(" delete", " remove").split()):
            if word not in CHOICES:
                break
            chosen.append(word)
        # "Get one with /link on the other platform".
        if chosen and (command, words) != ("link", " on the"):
            found.append(" ".join([command, *chosen]))
    return sorted(found)
