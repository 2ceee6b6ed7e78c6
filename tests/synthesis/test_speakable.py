from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.synthesis.speakable import make_speakable
from core.text.scripts import guess_language
from tests.support.speech_messages import CHINESE, ENGLISH, WITH_TAGS


@pytest.mark.parametrize(("typed", "spoken"), ENGLISH + CHINESE)
def test_speakable_text(typed: str, spoken: str) -> None:
    assert make_speakable(typed, keeps_tags=False) == spoken
    assert make_speakable(spoken, keeps_tags=False) == spoken


@pytest.mark.parametrize(("typed", "spoken"), WITH_TAGS)
def test_speakable_text_with_tags(typed: str, spoken: str) -> None:
    assert make_speakable(typed, keeps_tags=True) == spoken
    assert make_speakable(spoken, keeps_tags=True) == spoken


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"), ("12:30", "en"), ("Hello there", "en"), ("你好", "zh"),
        ("我用 Python 写了一个 Discord bot", "zh"), ("The word 你好 means hello", "en"),
        ("看 https://example.com/a/very/long/path-of-many-words", "zh"),
        ("これは日本語のテキストです", "en"), ("Привет, как дела?", "ru"),
        ("Бот написан на Python и asyncio", "ru"), ("The word дело means thing", "en"),
        ("Я не знаю, 你好", "ru"), ("Привіт, як справи?", "en"),
        ("跑一下 ```print('some long code here of words')```", "zh"),
    ],
)  # fmt: skip
def test_the_language_is_guessed(text: str, language: str) -> None:
    assert guess_language(text) == language


MARKS = """\
# ;> ;- ;1. ;\n;\n\n;* ;**;_;`;```\n;~~;[;];(;);<;>;/;&amp;;&lt;;b;<b>;</b>;<think>;</think>;\
https://a.bc/d;www.x.yz;@;:);:smile:;<@12>;\
😂;好;的;，;。;！;...;!!;aaaa;1;2;, ;.;:;（;）;【;】;\\;~;→;\
❤️;é;\u200b;$;=;-;--;(laughs);[cough];[1];word; ;|;||;| a | b |\n|--|--|\n"""
texts = st.lists(st.sampled_from([*MARKS.split(";"), ";"]), max_size=25).map("".join) | st.text(
    max_size=80
)


@given(texts, st.booleans())
def test_speakable_text_is_unchanged(text: str, keeps_tags: bool) -> None:
    once = make_speakable(text, keeps_tags=keeps_tags)
    assert make_speakable(once, keeps_tags=keeps_tags) == once


@given(texts, st.booleans())
def test_it_is_one_line_without_markup(text: str, keeps_tags: bool) -> None:
    spoken = make_speakable(text, keeps_tags=keeps_tags)
    assert spoken == " ".join(spoken.split())
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") for char in spoken)
    assert "😂" not in spoken and "**" not in spoken and "http" not in spoken
    assert not spoken or any(char.isalnum() for char in spoken)


@given(st.lists(st.sampled_from(["Ann", "met", "Bob", "at", "3.5", "km", "10:30"]), min_size=1))
def test_plain_words_stay(words: list[str]) -> None:
    text = " ".join(words)
    assert make_speakable(text, keeps_tags=False) == text


@pytest.mark.parametrize(
    "text", ["", " \n", "!!!", "😂😂", "---", "\u200b", "<think>hm", "||", "**"]
)
def test_nothing_to_say(text: str) -> None:
    assert make_speakable(text, keeps_tags=False) == ""


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1000, "*a_" * 375, "- " * 500, "(o" * 500, "<" * 1000, "<think>" * 150, "`" * 1000,
        "|" * 1000, "||a" * 325, "&amp;" * 200, "&" + "amp;" * 250 + "lt;", ":a" * 500, "!" * 1000,
        "好~" * 500, "😂 " * 500, "https://" * 125, "a_" * 500, " " * 1000 + "a", "~ " * 500,
        "【" * 1000, "1. " * 325,
    ],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_strange_texts_become_one_line(text: str) -> None:
    """`benchmarks/scaling.py` measures it; catastrophic backtracking would fail here too."""
    spoken = make_speakable(text, keeps_tags=True)
    assert spoken == " ".join(spoken.split())
