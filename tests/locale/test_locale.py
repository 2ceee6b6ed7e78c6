"""Texts that people see: each has a translation with the same placeholders."""

from __future__ import annotations

import re
import string
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from core import locale
from core.errors import EngineRefused
from core.locale import LANGUAGES, translate
from core.locale.collect import collect, find_texts
from core.locale.languages import name_language
from core.text.scripts import has_han

texts = cache(collect)


def catalogue(language: str) -> dict[str, str]:
    path = Path(locale.__file__).parent / language / "hearsay.po"
    with path.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, abort_invalid=True) if m.id}


def names(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def commands(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w/])/[a-z]+", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    known = catalogue(language)
    missing = {text: places for text, places in texts().items() if not known.get(text)}
    assert missing == {}, f"translate these in core/locale/{language}/hearsay.po (make texts)"
    assert known.keys() - texts().keys() == set(), "no longer used"


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_have_the_same_names_and_commands(language: str) -> None:
    for text, translated in catalogue(language).items():
        assert names(translated) == names(text), text
        assert commands(translated) == commands(text), text


def test_chinese_is_chinese() -> None:
    for text, translated in catalogue("zh").items():
        assert has_han(translated), text
        # Sentences end as they should in their own script.
        assert text.endswith(".") == translated.endswith("。"), text


def test_the_texts_of_each_kind_are_found() -> None:
    source = """
from core.locale import mark
LATER = mark("one")
class Odd(UserError):
    user_text = "two"
    user_text: str = "three"
def run(ctx):
    ctx.text("four", name=1)
    translate("five", "zh")
    raise UserError("six {limit}", limit=1)
    raise TooLong("seven")
    raise EngineRefused("log", reason="eight")
    other("ten"); mark(kept); print("nine"); UserError()
"""
    found = {"one", "two", "three", "four", "five", "six {limit}", "seven", "eight"}
    assert set(find_texts(source)) == found


def test_the_scan_finds_known_texts() -> None:
    """A scan that finds nothing would pass every other test."""
    for text in ("Retry", "Show all commands", "This file is empty.", "/help lists all commands."):
        assert text in texts()
    assert texts()["Only the admins of this chat can change that."] == ["core/errors.py"]


def test_all_kinds_of_chinese_use_one_catalogue_and_others_english() -> None:
    for language in ("zh", "zh-hans", "zh-CN", "ZH-Hant-TW"):
        assert translate("Retry", language) == "重试"
    for language in ("en", "de", "", "zhx", "../zh"):
        assert translate("Retry", language) == "Retry"


@pytest.mark.parametrize(
    ("language", "reader", "name"),
    [
        ("en", "en", "English"), ("en-US", "zh-CN", "英语 (美国)"), ("zh", "zh", "中文"),
        ("mul", "en", "Multiple languages"), ("mul", "zh", "多语种"), ("x?", "de", "x?"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_languages_are_named(language: str, reader: str, name: str) -> None:
    assert name_language(language, reader).replace("（", " (").replace("）", ")") == name


def test_names_are_filled_in() -> None:
    text = "This recording is too long for me: the limit is {hours} hours."
    assert translate(text, "zh", hours=2) == "录音太长了，我最多能处理 2 小时。"
    assert translate("{a} and {b}", "en", a=1) == "1 and {b}"


def test_a_reason_is_translated_too() -> None:
    error = EngineRefused()
    text = translate(error.user_text, "zh", **error.values)
    assert text == "语音服务拒绝了这段录音：没有说明原因。"
    other = EngineRefused(reason="Duration over limit")
    assert "Duration over limit" in translate(other.user_text, "zh", **other.values)
