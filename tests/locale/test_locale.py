"""Texts that people see: each has a translation with the same placeholders."""

from __future__ import annotations

import re

import pytest

from core.errors import EngineRefused
from core.locale import Plural, translate
from core.locale.collect import Text, find_texts
from core.locale.languages import name_language
from core.text.scripts import has_han
from tests.locale.catalogues import list_forms, many, read_page_words, texts
from tests.support.paths import ROOT


def catalogue(language: str) -> dict[Text, str]:
    """Return text -> translation; of a plural, the form of the highest numbers."""
    return {text: forms[-1] for text, forms in list_forms(language).items()}


def test_chinese_is_chinese() -> None:
    for text, translated in catalogue("zh").items():
        assert has_han(translated) or not re.search("[a-z]", re.sub("{[a-z]+}", "", many(text))), (
            text
        )
        # Sentences end as they should in their own script.
        assert many(text).endswith(".") == translated.endswith("。"), text


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
    ctx.text(Plural("eleven", "elevens", 3), other=Plural("a", "b", count))
    other("ten"); mark(kept); print("nine"); UserError(); Plural(one, "many", 1)
"""
    found = {"one", "two", "three", "four", "five", "six {limit}", "seven", "eight"}
    assert set(find_texts(source)) == {*found, ("eleven", "elevens"), ("a", "b")}


def test_the_scan_finds_known_texts() -> None:
    """A scan that finds nothing would pass every other test."""
    for text in ("Retry", "Show all commands", "This file is empty.", "Help"):
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
        ("", "", ""), ("en", "ru", "английский"), ("mul", "ru", "несколько языков"),
    ],
)  # fmt: skip
def test_languages_are_named(language: str, reader: str, name: str) -> None:
    assert name_language(language, reader).replace("（", " (").replace("）", ")") == name


def test_names_are_filled_in() -> None:
    text = "This recording is too long for me: the limit is {limit}."
    limit = Plural("{count} hour", "{count} hours", 2)
    assert translate(text, "zh", limit=limit) == "录音太长了，我最多能处理 2 小时。"
    assert translate(text, "ru-RU", limit=limit) == "Эта запись слишком длинная. Предел: 2 часа."
    assert translate("{a} and {b}", "en", a=1) == "1 and {b}"


def test_a_reason_is_translated_too() -> None:
    error = EngineRefused()
    text = translate(error.user_text, "zh", failure="", **error.values)
    assert text == "AI 服务拒绝了请求：没有说明原因。"
    other = EngineRefused(reason="Duration over limit")
    assert "Duration over limit" in translate(other.user_text, "zh", **other.values)


@pytest.mark.finding(30)
@pytest.mark.parametrize(
    ("language", "count", "whole", "part"),
    [
        ("en", 0, "0 messages are stored.", "Nothing found in the last 0 days."),
        ("en", 1, "1 message is stored.", "Nothing found in the last day."),
        ("en", 2, "2 messages are stored.", "Nothing found in the last 2 days."),
        ("zh", 1, "已保存 1 条消息。", "最近 1 天内没有找到。"),
        ("zh", 2, "已保存 2 条消息。", "最近 2 天内没有找到。"),
        ("ru", 1, "Хранится 1 сообщение.", "За последний 1 день ничего не найдено."),
        ("ru", 3, "Хранится 3 сообщения.", "За последние 3 дня ничего не найдено."),
        ("ru", 5, "Хранится 5 сообщений.", "За последние 5 дней ничего не найдено."),
        ("ru", 11, "Хранится 11 сообщений.", "За последние 11 дней ничего не найдено."),
        ("ru", 21, "Хранится 21 сообщение.", "За последний 21 день ничего не найдено."),
    ],
)
def test_texts_with_a_number_have_its_grammar(
    language: str, count: int, whole: str, part: str
) -> None:
    stored = Plural("{count} message is stored.", "{count} messages are stored.", count)
    assert translate(stored, language) == whole
    period = Plural("the last day", "the last {count} days", count)
    assert translate("Nothing found in {period}.", language, period=period) == part


@pytest.mark.finding(30)
def test_chinese_addresses_people_in_one_way() -> None:
    polite = [text for text, translated in catalogue("zh").items() if "您" in translated]
    assert polite == []
    pages = (ROOT / "bots" / "web_chat" / "static").rglob("*.*")
    assert [page.name for page in pages if "您" in page.read_text()] == []


@pytest.mark.finding(30)
@pytest.mark.parametrize("word", ["me", "today", "Help", "list"])
def test_peoples_own_words_are_never_translated(word: str) -> None:
    assert translate(word, "zh") != word
    assert word in translate("Your voice is now {voice}.", "zh", voice=word)
    assert word in translate("Saved: {heard} → {meant}", "zh", heard="x", meant=word)


@pytest.mark.finding(30)
def test_a_thing_has_one_name() -> None:
    """As Telegram and Discord call it: a voice message, in Chinese 语音消息."""
    pages = [str(read_page_words(language)) for language in ("en", "zh")]
    shown = [*pages, *(many(text) for text in texts()), *catalogue("zh").values()]
    for name in (r"\bvoice notes?\b", r"\bchat model", r"改正|您", r"条语音(?!消息)"):
        assert [text for text in shown if re.search(name, text)] == [], name
