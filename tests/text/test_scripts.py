"""The ranges of scripts at their edges, and what is decided by them."""

from __future__ import annotations

import re
import unicodedata

import pytest

from core.text import scripts
from core.text.scripts import has_han, is_unspaced, join_texts, split_words
from core.text.tokens import count_tokens


@pytest.mark.parametrize("char", ["々", "〇", "㐀", "䶿", "一", "\u9fff", "豈", "\U00020000", "𰻞"])
def test_chinese_characters_of_all_blocks(char: str) -> None:
    assert has_han(f"a {char}")
    assert is_unspaced(char)


@pytest.mark.parametrize("char", ["〆", "ぁ", "ん", "ヶ", "ー", "ｱ"])
def test_japanese_alone_is_unspaced_and_not_chinese(char: str) -> None:
    assert is_unspaced(char)
    assert not has_han(char)


@pytest.mark.parametrize(
    "char", ["\u2fff", "䷀", "a", "é", "Ж", "한", "ก", "က", "ក", "—", "…", "😀"]
)
def test_other_characters_have_spaces_around_their_words(char: str) -> None:
    assert not has_han(char)
    assert not is_unspaced(char)


@pytest.mark.parametrize("char", ["\u3000", "。", "、", "「", "！", "（", "～", "\uffef"])
def test_wide_punctuation_is_unspaced_but_no_character(char: str) -> None:
    assert is_unspaced(char)
    assert not re.match(f"[{scripts.UNSPACED}]", char)


def test_words_of_a_text() -> None:
    assert split_words("我 use Python3, нет café!") == ["我", "use", "python3", "нет", "café"]
    assert split_words("東京タワー 한국어") == ["東", "京", "タ", "ワ", "ー", "한국어"]
    assert split_words(" \n…。") == []


@pytest.mark.parametrize(
    ("letters", "name"),
    [
        (scripts.HANGUL, "HANGUL"),
        (scripts.CYRILLIC, "CYRILLIC"),
        (scripts.DEVANAGARI, "DEVANAGARI"),
        (scripts.ARABIC, "ARABIC"),
        (scripts.SOUTHEAST_ASIAN, ("THAI", "LAO", "MYANMAR", "KHMER")),
    ],
)
def test_ranges_hold_the_letters_they_are_named_after(
    letters: str, name: str | tuple[str, ...]
) -> None:
    found = re.findall(f"[{letters}]", "".join(map(chr, range(0x10000))))
    named = [char for char in found if unicodedata.category(char) in ("Lo", "Ll")]
    assert named
    assert all(unicodedata.name(char).startswith(name) for char in named)


def test_tokens_are_one_per_east_asian_character() -> None:
    assert count_tokens("") == 0
    assert count_tokens("abcdef") == 2
    assert count_tokens("abcdefg") == 3
    assert count_tokens("你好。") == 3
    assert count_tokens("한국어") == 3
    assert count_tokens("𠀀") == 1
    assert count_tokens("\u2e7f\ue000") == 1


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["one", "two"], "one two"),
        (["one ", "", " two"], "one two"),
        (["今天天气", "很好。"], "今天天气很好。"),
        (["今天", "weather", "很好"], "今天 weather 很好"),
        (["はい。", "！ok"], "はい。！ok"),
        (["安\u9fff", "\uff00a"], "安\u9fff\uff00a"),
        (["a\uffef", "\u9fff"], "a\uffef\u9fff"),
        (["가", "나"], "가 나"),
        ([], ""),
    ],
)
def test_texts_are_joined_by_script(texts: list[str], joined: str) -> None:
    assert join_texts(texts) == joined
