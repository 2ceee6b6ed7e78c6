from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.errors import UserError
from core.models import TalkRange
from core.summaries.ranges import (
    RangeContext,
    SummaryCopy,
    SummaryRequest,
    dump_copy,
    parse_copy,
    parse_request,
)

NOW = datetime(2026, 3, 12, 15, 30, tzinfo=UTC)  # a Thursday
CONTEXT = RangeContext(NOW, thread_id="5", reply_to="77")


def at(day: int, hour: int = 0, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def ago(**length: float) -> TalkRange:
    return TalkRange(since_at=NOW - timedelta(**length), until_at=NOW)


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("last 2h", ago(hours=2)), ("[last 2h]", ago(hours=2)),
        ("the last 30 minutes", ago(minutes=30)), ("last day", ago(days=1)), ("0h", ago(minutes=1)),
        ("999999 weeks", ago(days=366)), ("最近3小时", ago(hours=3)),
        ("过去 2 个小时", ago(hours=2)), ("200 messages", TalkRange(until_at=NOW, count=200)),
        ("200", TalkRange(until_at=NOW, count=200)),
        ("99999999", TalkRange(until_at=NOW, count=10_000)),
        ("200条消息", TalkRange(until_at=NOW, count=200)),
        ("since yesterday", TalkRange(at(11), NOW)),
        ("Yesterday", TalkRange(at(11), at(12))), ("昨天以来", TalkRange(at(11), NOW)),
        ("today", TalkRange(at(12), NOW)), ("this week", TalkRange(at(9), NOW)),
        ("本周", TalkRange(at(9), NOW)),
        ("2026-03-10", TalkRange(at(10), at(11))), ("since 10.3.", TalkRange(at(10), NOW)),
        ("from 10.03.2026", TalkRange(at(10), NOW)), ("3月10日起", TalkRange(at(10), NOW)),
        ("since 14:00", TalkRange(at(12, 14), NOW)), ("since 16:00", TalkRange(at(11, 16), NOW)),
        ("everything", TalkRange(until_at=NOW)),
        ("from here", TalkRange(until_at=NOW, from_id="77")),
        ("", TalkRange(until_at=NOW, from_id="77")),
        ("this topic last 2 days", TalkRange(NOW - timedelta(days=2), NOW, thread_id="5")),
        ("这个话题 3天", TalkRange(NOW - timedelta(days=3), NOW, thread_id="5")),
        ("此子区 3天", TalkRange(NOW - timedelta(days=3), NOW, thread_id="5")),
        ("последние 2 ч", ago(hours=2)), ("за последние 3 дня", ago(days=3)),
        ("за последний час", ago(hours=1)), ("за неделю", ago(days=7)), ("30 мин", ago(minutes=30)),
        ("последние 200 сообщений", TalkRange(until_at=NOW, count=200)),
        ("со вчерашнего дня", TalkRange(at(11), NOW)), ("вчера", TalkRange(at(11), at(12))),
        ("за сегодня", TalkRange(at(12), NOW)), ("на этой неделе", TalkRange(at(9), NOW)),
        ("с 10.3.", TalkRange(at(10), NOW)), ("с 14:00", TalkRange(at(12, 14), NOW)),
        ("отсюда", TalkRange(until_at=NOW, from_id="77")), ("всё", TalkRange(until_at=NOW)),
        ("в этой теме за 3 дня", TalkRange(NOW - timedelta(days=3), NOW, thread_id="5")),
        ("last 3 days 50 messages", TalkRange(NOW - timedelta(days=3), NOW, count=50)),
    ],
)  # fmt: skip
def test_ranges_are_parsed(words: str, span: TalkRange) -> None:
    assert parse_request(words, CONTEXT).span == span


@pytest.mark.parametrize(
    "words", ["unread", "SINCE LAST READ", "since I last read", "上次看过以来"]
)
def test_unread_is_parsed(words: str) -> None:
    request = parse_request(words, CONTEXT)
    assert request.is_unread and request.is_catching_up
    assert request.span == TalkRange(until_at=NOW)


def test_the_default_range_is_a_day_and_a_topic_narrows_it() -> None:
    plain = RangeContext(NOW)
    assert parse_request("", plain).span == ago(days=1)
    topic = parse_request("this topic", plain)
    assert topic.span == TalkRange(NOW - timedelta(days=1), NOW, thread_id="")
    assert not topic.is_catching_up


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("me", {"is_private": True}),
        ("语音 完整", {"is_spoken": True, "is_full": True}),
        ("voice full short", {"is_spoken": True, "is_full": True, "length": "short"}),
        ("详细", {"length": "long"}),
        ("简短 今天", {"length": "short"}),
    ],
)
def test_forms_are_parsed(words: str, changes: dict[str, object]) -> None:
    request = parse_request(words, CONTEXT)
    chosen = {
        name: getattr(request, name)
        for name in ("is_private", "is_spoken", "is_full", "length")
        if getattr(request, name) != getattr(SummaryRequest(), name)
    }
    assert chosen == changes


def test_days_are_those_of_the_chats_zone() -> None:
    asked = RangeContext(datetime(2026, 3, 29, 22, 30, tzinfo=UTC), zone="Europe/Berlin")
    # Half past midnight there, and the clocks were put forward the day before.
    assert parse_request("today", asked).span.since_at == at(29, 22)
    assert parse_request("since yesterday", asked).span.since_at == at(28, 23)
    assert parse_request("today", asked).zone == "Europe/Berlin"


@pytest.mark.parametrize(
    "words",
    ["bananas", "2h bananas", "2026-02-30", "9999-12-31", "25:99", "last 2 parsecs", "最近两天"],
)
def test_other_words_are_refused_with_an_example(words: str) -> None:
    with pytest.raises(UserError) as refusal:
        parse_request(words, CONTEXT)
    assert "/summary" in refusal.value.user_text


def test_a_day_that_began_before_the_calendar_is_refused() -> None:
    asked = RangeContext(CONTEXT.at, zone="Europe/Berlin")
    with pytest.raises(UserError, match="no such day"):
        parse_request("since 0001-01-01", asked)


def test_refusals_ping_nobody_and_from_here_needs_a_message() -> None:
    with pytest.raises(UserError) as refusal:
        parse_request("@everyone https://evil.example", CONTEXT)
    shown = str(refusal.value.values["words"])
    assert "@everyone" not in shown and "evil.example" not in shown
    with pytest.raises(UserError, match="from here"):
        parse_request("from here", RangeContext(NOW))


def test_a_copy_survives_its_button() -> None:
    copy = SummaryCopy("-100", parse_request("last 2 days this topic short me", CONTEXT))
    assert parse_copy(dump_copy(copy)) == copy
    for text in ("", "{}", '{"chat_id": 1}'):
        with pytest.raises(ValueError):
            parse_copy(text)
