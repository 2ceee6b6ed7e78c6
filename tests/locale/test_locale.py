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
from core.locale import LANGUAGES, Plural, translate
from core.locale.collect import Text, collect, find_texts
from core.locale.languages import name_language
from core.text.scripts import has_han
from tests.support.paths import ROOT

texts = cache(collect)


def catalogue(language: str) -> dict[Text, str]:
    """Return text -> translation; of a plural, the form of the highest numbers."""
    path = Path(locale.__file__).parent / language / "hearsay.po"
    with path.open("rb") as file:
        messages = [m for m in read_po(file, abort_invalid=True) if m.id]
    return {(m.id[0], m.id[1]) if m.pluralizable else str(m.id): _last(m.string) for m in messages}


def _last(forms: object) -> str:
    return str(forms[-1] if isinstance(forms, tuple | list) else forms)


def many(text: Text) -> str:
    return text if isinstance(text, str) else text[1]


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
        assert names(translated) == names(many(text)), text
        assert commands(translated) == commands(many(text)), text


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
    ],
)
def test_texts_with_a_number_have_its_grammar(
    language: str, count: int, whole: str, part: str
) -> None:
    stored = Plural("{count} message is stored.", "{count} messages are stored.", count)
    assert translate(stored, language) == whole
    days = Plural("day", "{count} days", count)
    assert translate("Nothing found in the last {days}.", language, days=days) == part


@pytest.mark.finding(30)
def test_chinese_addresses_people_in_one_way() -> None:
    polite = [text for text, translated in catalogue("zh").items() if "您" in translated]
    assert polite == []
    pages = (ROOT / "bots" / "web_chat" / "static").rglob("*.*")
    assert [page.name for page in pages if "您" in page.read_text()] == []


@pytest.mark.finding(30)
def test_no_text_spells_out_a_plural_by_itself() -> None:
    """A number before a noun needs `Plural`, unless the number is a limit that is never 1."""
    counted = "messages|replies|transcripts|notes|people|calls|days|hours|minutes|seconds"
    plain = re.compile(rf"\{{(?!limit|days|hours)\w+\}} ({counted})\b|\(s\)|: \{{count\}}")
    alone = [text for text in texts() if isinstance(text, str) and plain.search(text)]
    assert alone == []


@pytest.mark.finding(30)
@pytest.mark.parametrize("word", ["me", "today", "Help", "list"])
def test_peoples_own_words_are_never_translated(word: str) -> None:
    assert translate(word, "zh") != word
    assert word in translate("Your voice is now {voice}.", "zh", voice=word)
    assert word in translate("Saved: {heard} → {meant}", "zh", heard="x", meant=word)


@pytest.mark.finding(30)
def test_a_thing_has_one_name() -> None:
    """As Telegram and Discord call it: a voice message, in Chinese 语音消息."""
    pages = "".join(path.read_text() for path in (ROOT / "bots/web_chat/static").rglob("words.js"))
    shown = [pages, *(many(text) for text in texts()), *catalogue("zh").values()]
    for name in (r"\bvoice notes?\b", r"\bchat model", r"改正|您", r"条语音(?!消息)"):
        assert [text for text in shown if re.search(name, text)] == [], name
