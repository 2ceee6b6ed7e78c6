from __future__ import annotations

import pytest

from core.speech import guess_language, make_speakable
from tests.support.speech_messages import CHINESE, ENGLISH, WITH_TAGS


@pytest.mark.parametrize(("typed", "spoken"), ENGLISH + CHINESE)
def test_what_is_said(typed: str, spoken: str) -> None:
    assert make_speakable(typed, keeps_tags=False) == spoken


@pytest.mark.parametrize(("typed", "spoken"), WITH_TAGS)
def test_what_is_performed(typed: str, spoken: str) -> None:
    assert make_speakable(typed, keeps_tags=True) == spoken


@pytest.mark.parametrize("keeps_tags", [True, False])
@pytest.mark.parametrize("typed", [typed for typed, _ in ENGLISH + CHINESE + WITH_TAGS])
def test_said_twice_it_is_the_same(typed: str, keeps_tags: bool) -> None:
    once = make_speakable(typed, keeps_tags=keeps_tags)
    assert make_speakable(once, keeps_tags=keeps_tags) == once


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"), ("12:30", "en"), ("Hello there", "en"), ("你好", "zh"),
        ("我用 Python 写了一个 Discord bot", "zh"), ("The word 你好 means hello", "en"),
        ("看 https://example.com/a/very/long/path-of-many-words", "zh"),
        ("これは日本語のテキストです", "en"),
        ("跑一下 ```print('some long code here of words')```", "zh"),
    ],
)  # fmt: skip
def test_the_language_is_guessed(text: str, language: str) -> None:
    assert guess_language(text) == language
