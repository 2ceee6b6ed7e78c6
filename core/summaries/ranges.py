"""What follows /summary: which part of the talk, and how it is to be told.

"last 2h", "200 messages", "since yesterday", "unread", "this topic", "since 2026-03-01 short",
"最近3小时", "昨天以来 语音": words in any order, English or Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from core import safety
from core.errors import UserError
from core.models import TalkRange
from core.summaries.points import Length

#: What is summed up where nothing else is said.
USUAL = timedelta(days=1)
MAX_MESSAGES = 10_000
_LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Request:
    """A summary that somebody asks for."""

    span: TalkRange = field(default_factory=TalkRange)
    #: Since the person last read: the moment is not known here.
    is_unread: bool = False
    #: For the person alone, in their private chat.
    is_private: bool = False
    #: Spoken; is_full: longer than a minute too.
    is_spoken: bool = False
    is_full: bool = False
    length: Length = "normal"
    #: True where whoever reads it knows the talk up to `span.until_at`.
    is_catching_up: bool = False
    #: IANA name of the zone in which times are shown, empty = that of the chat.
    zone: str = ""


@dataclass(frozen=True, slots=True)
class RangeContext:
    """When and where a summary is asked for."""

    at: datetime
    zone: str = "UTC"
    thread_id: str | None = None
    #: The message that is answered, empty if none.
    reply_to: str = ""


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    asked: RangeContext
    request: Request = field(default_factory=Request)
    has_range: bool = False

    def limit(self, **changes: object) -> None:
        """Narrow the part of the talk."""
        self.has_range = True
        span = replace(self.request.span, **changes)  # type: ignore[arg-type]
        self.request = replace(self.request, span=span)

    def choose(self, **changes: object) -> None:
        """Change how it is told."""
        self.request = replace(self.request, **changes)  # type: ignore[arg-type]

    def since_day(self, day: date, *, is_alone: bool) -> None:
        """Narrow to what is since a day, or that day alone."""
        self.limit(since_at=_midnight(day, self.zone))
        if is_alone:
            self.limit(until_at=_midnight(day + timedelta(days=1), self.zone))

    @property
    def zone(self) -> tzinfo:
        return find_zone(self.asked.zone)

    @property
    def today(self) -> date:
        return self.asked.at.astimezone(self.zone).date()


def read_request(text: str, asked: RangeContext) -> Request:
    """Return what `text` asks for; `span.until_at` is always set.

    Raises UserError at words that mean nothing here, and where "from here" answers no message.
    """
    reading = _Reading(asked)
    rest = _normalise(text)
    while rest:
        for pattern, act in _WORDS:
            if match := pattern.match(rest):
                act(reading, match)
                rest = rest[match.end() :].lstrip(" ,.;、，。的")
                break
        else:
            raise UserError(
                "I do not understand “{words}”. Say for example: /summary last 2h short",
                words=safety.defuse(rest[:40]),
            )
    return _complete(reading)


def _complete(reading: _Reading) -> Request:
    """Fill in what was not said."""
    asked = reading.asked
    if not reading.has_range and not reading.request.is_unread:
        if asked.reply_to:
            reading.limit(from_id=asked.reply_to)
        else:
            reading.limit(since_at=asked.at - USUAL)
    until_at = reading.request.span.until_at
    # What comes later is not part of it, so that a rerun reads the same.
    reading.limit(until_at=min(until_at, asked.at) if until_at else asked.at)
    span = reading.request.span
    is_catching_up = span.until_at == asked.at and span.thread_id is None
    return replace(reading.request, is_catching_up=is_catching_up, zone=asked.zone)


def find_zone(name: str) -> tzinfo:
    """Return the zone of an IANA name."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _normalise(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip(" ,.;[](){}、，。").lower())


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_CHINESE_UNITS = {"分": "m", "小": "h", "钟": "h", "天": "d", "日": "d", "周": "w", "星": "w"}


def _last_time(reading: _Reading, match: re.Match[str]) -> None:
    unit = match["unit"].removeprefix("个")[0]
    length = int(match["count"] or 1) * _UNITS[_CHINESE_UNITS.get(unit, unit)]
    reading.limit(since_at=reading.asked.at - min(max(length, timedelta(minutes=1)), _LONGEST))


def _last_messages(reading: _Reading, match: re.Match[str]) -> None:
    reading.limit(count=min(max(1, int(match["count"])), MAX_MESSAGES))


def _date(reading: _Reading, match: re.Match[str]) -> None:
    today = reading.today
    parts = match.groupdict()
    try:
        day = date(int(parts["year"] or today.year), int(parts["month"]), int(parts["day"]))
        if day > today and not parts["year"]:
            day = day.replace(year=day.year - 1)
    except ValueError:
        raise UserError(
            "There is no such day. Say for example: /summary since 2026-03-01"
        ) from None
    reading.since_day(day, is_alone=not (match["since"] or match["after"]))


def _yesterday(reading: _Reading, match: re.Match[str]) -> None:
    is_alone = not (match["since"] or match["after"])
    reading.since_day(reading.today - timedelta(days=1), is_alone=is_alone)


def _this_week(reading: _Reading, _: re.Match[str]) -> None:
    reading.since_day(reading.today - timedelta(days=reading.today.weekday()), is_alone=False)


def _clock(reading: _Reading, match: re.Match[str]) -> None:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 23 or minute > 59:
        raise UserError("There is no such time. Say for example: /summary since 14:30")
    asked = reading.asked
    moment = datetime.combine(reading.today, time(hour, minute), reading.zone)
    if moment > asked.at:
        moment -= timedelta(days=1)
    reading.limit(since_at=moment.astimezone(UTC))


def _topic(reading: _Reading, _: re.Match[str]) -> None:
    # A topic alone is no range of time: all that the usual one holds of it.
    span = replace(reading.request.span, thread_id=reading.asked.thread_id or "")
    reading.request = replace(reading.request, span=span)


def _here(reading: _Reading, _: re.Match[str]) -> None:
    if not reading.asked.reply_to:
        raise UserError("Answer the message that I should begin with: /summary from here")
    reading.limit(from_id=reading.asked.reply_to)


def _chosen(**changes: object) -> Callable[[_Reading, re.Match[str]], None]:
    return lambda reading, _: reading.choose(**changes)


def _nothing(reading: _Reading, _: re.Match[str]) -> None:
    """Pass over a word that adds nothing."""


_SINCE = r"(?P<since>since |from |after |自从? ?|从 ?)?"
_AFTER = r"(?P<after> ?(?:以来|开始|起|至今))?"
_LAST = r"(?:the )?(?:last |past |previous |过去 ?|最近 ?|近 ?|前 ?)?"
_UNIT = (
    r"(?P<unit>weeks?\b|w\b|days?\b|d\b|hours?\b|hrs?\b|h\b|minutes?\b|mins?\b|m\b"
    r"|个?小时|个?钟头?|分钟?|天|日|个?星期|周)"
)
#: The first that matches counts.
_PATTERNS: tuple[tuple[str, Callable[[_Reading, re.Match[str]], None]], ...] = (
    (
        _SINCE + r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?" + _AFTER,
        _date,
    ),
    (_SINCE + r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})(?:\.(?P<year>\d{4})?|\b)" + _AFTER, _date),
    (_SINCE + r"(?P<year>)(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]" + _AFTER, _date),
    (r"(?:since |from |after |自从? ?|从 ?)?(?P<hour>\d{1,2}):(?P<minute>\d{2})\b", _clock),
    (_LAST + r"(?P<count>\d{1,6}) ?" + _UNIT + r"(?: ago)?", _last_time),
    (r"(?:the )?(?:last|past) (?P<count>)" + _UNIT, _last_time),
    (_LAST + r"(?P<count>\d{1,9}) ?(?:messages?\b|msgs?\b|条 ?(?:消息)?|则|\b)", _last_messages),
    (
        r"(?:since )?(?:i )?(?:was )?last (?:read|here|seen)\b|unread\b|what i missed\b|missed\b"
        r"|(?:自|从)?(?:我)?上次(?:看|读|阅读)?(?:过)?(?:以来|之后|以后)?|未读|没[看读](?:过)?",
        _chosen(is_unread=True),
    ),
    (_SINCE + r"(?:yesterday\b|昨[天日])" + _AFTER, _yesterday),
    (
        r"(?:since )?today\b|今[天日]" + _AFTER,
        lambda reading, _: reading.since_day(reading.today, is_alone=False),
    ),
    (r"(?:since )?this week\b|week\b|[本这]周", _this_week),
    (r"(?:in |of )?(?:this|the) (?:topic|thread)\b|topic\b|[本这该此]个?(?:话题|主题)", _topic),
    (
        r"(?:from|since) (?:here|this|there)(?: on)?\b|here\b|[从自]?[这此](?:里|儿|处)?" + _AFTER,
        _here,
    ),
    (
        r"(?:for |to )?me(?: only| alone)?\b|private(?:ly)?\b|私[下聊信]|[发给]给?我|仅我",
        _chosen(is_private=True),
    ),
    (r"(?:by |as |in )?voice\b|spoken\b|aloud\b|语音|朗读", _chosen(is_spoken=True)),
    (r"full\b|完整", _chosen(is_full=True)),
    (r"short(?:er)?\b|brief(?:ly)?\b|简[短略]|短", _chosen(length="short")),
    (r"normal\b|medium\b|普通|正常|标准", _chosen(length="normal")),
    (r"long(?:er)?\b|detailed\b|in detail\b|详细|长", _chosen(length="long")),
    (r"everything\b|all(?: topics)?\b|全部|所有", lambda reading, _: reading.limit()),
    (r"(?:of|the|and|please|in|for|messages?)\b|请|和|消息", _nothing),
)
_WORDS = tuple((re.compile(pattern), act) for pattern, act in _PATTERNS)
