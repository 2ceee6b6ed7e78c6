"""Arguments of /summary: the part of the talk, and the form of the summary.

"last 2h", "200 messages", "since yesterday", "unread", "this topic", "since 2026-03-01 short",
"最近3小时", "昨天以来 语音", "последние 2 ч кратко": words in any order and any language of
`core.summaries.range_words`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from core import safety
from core.errors import UserError
from core.models import TalkRange
from core.summaries import range_words as words
from core.summaries.points import Length

#: Summarised if nothing else is asked for.
DEFAULT_PERIOD = timedelta(days=1)
MAX_MESSAGES = 10_000
_LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class SummaryRequest:
    """Parsed arguments of /summary."""

    span: TalkRange = field(default_factory=TalkRange)
    #: Since the person last read; the time is looked up later.
    is_unread: bool = False
    #: Sent to the private chat of the person.
    is_private: bool = False
    #: With speech, of at most a minute unless is_full.
    is_spoken: bool = False
    is_full: bool = False
    length: Length = "normal"
    #: True if its reader then knows the talk up to `span.until_at`.
    is_catching_up: bool = False
    #: IANA name of the time zone for display, empty = that of the chat.
    zone: str = ""


@dataclass(frozen=True, slots=True)
class SummaryCopy:
    """Payload of the button that sends a summary to a person's private chat.

    Whoever can press it is a member of the chat.
    """

    chat_id: str
    request: SummaryRequest


@dataclass(frozen=True, slots=True)
class RangeContext:
    """When and where a summary is requested."""

    at: datetime
    zone: str = "UTC"
    thread_id: str | None = None
    #: Id of the message that is replied to, empty if none.
    reply_to: str = ""


@dataclass(slots=True)
class _Parser:
    """State of the parser: the request so far."""

    context: RangeContext
    request: SummaryRequest = field(default_factory=SummaryRequest)
    has_range: bool = False

    def limit(self, **changes: object) -> None:
        """Narrow the range."""
        self.has_range = True
        span = replace(self.request.span, **changes)  # type: ignore[arg-type]
        self.request = replace(self.request, span=span)

    def choose(self, **changes: object) -> None:
        """Set the form of the summary."""
        self.request = replace(self.request, **changes)  # type: ignore[arg-type]

    def since_day(self, day: date, *, is_single_day: bool) -> None:
        """Narrow to the time since a day, or to that day only."""
        self.limit(since_at=_midnight(day, self.zone))
        if is_single_day:
            self.limit(until_at=_midnight(day + timedelta(days=1), self.zone))

    @property
    def zone(self) -> tzinfo:
        return load_zone(self.context.zone)

    @property
    def today(self) -> date:
        return self.context.at.astimezone(self.zone).date()


def parse_request(text: str, context: RangeContext) -> SummaryRequest:
    """Return the request in `text`; `span.until_at` is always set.

    Raises UserError for unknown words, and for "from here" without a message replied to.
    """
    parser = _Parser(context)
    rest = _normalise(text)
    while rest:
        for pattern, act in _WORDS:
            if match := pattern.match(rest):
                act(parser, match)
                rest = rest[match.end() :].lstrip(" ,.;、，。的")
                break
        else:
            raise UserError(
                "I don't understand “{words}”. Example: /summary last 2h short",
                words=safety.defuse(rest[:40]),
            )
    return _complete(parser)


def _complete(parser: _Parser) -> SummaryRequest:
    """Fill in the defaults."""
    context = parser.context
    if not parser.has_range and not parser.request.is_unread:
        if context.reply_to:
            parser.limit(from_id=context.reply_to)
        else:
            parser.limit(since_at=context.at - DEFAULT_PERIOD)
    until_at = parser.request.span.until_at
    # Later messages are excluded, so that a rerun reads the same.
    parser.limit(until_at=min(until_at, context.at) if until_at else context.at)
    span = parser.request.span
    is_catching_up = span.until_at == context.at and span.thread_id is None
    return replace(parser.request, is_catching_up=is_catching_up, zone=context.zone)


_COPY = TypeAdapter(SummaryCopy)


def dump_copy(copy: SummaryCopy) -> str:
    """Return the payload as JSON."""
    return _COPY.dump_json(copy).decode()


def parse_copy(text: str) -> SummaryCopy:
    """Return the payload in `text`. Raises ValueError."""
    return _COPY.validate_json(text)


def load_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name."""
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


def _last_time(parser: _Parser, match: re.Match[str]) -> None:
    unit = match["unit"].removeprefix("个")[0]
    length = int(match["count"] or 1) * _UNITS[words.UNITS[unit]]
    parser.limit(since_at=parser.context.at - min(max(length, timedelta(minutes=1)), _LONGEST))


def _last_messages(parser: _Parser, match: re.Match[str]) -> None:
    parser.limit(count=min(max(1, int(match["count"])), MAX_MESSAGES))


def _date(parser: _Parser, match: re.Match[str]) -> None:
    today = parser.today
    parts = match.groupdict()
    try:
        day = date(int(parts["year"] or today.year), int(parts["month"]), int(parts["day"]))
        if day > today and not parts["year"]:
            day = day.replace(year=day.year - 1)
        parser.since_day(day, is_single_day=not (match["since"] or match["after"]))
    except (ValueError, OverflowError):
        raise UserError("There is no such day. Example: /summary since 2026-03-01") from None


def _yesterday(parser: _Parser, match: re.Match[str]) -> None:
    is_single_day = not (match["since"] or match["after"])
    parser.since_day(parser.today - timedelta(days=1), is_single_day=is_single_day)


def _this_week(parser: _Parser, _: re.Match[str]) -> None:
    parser.since_day(parser.today - timedelta(days=parser.today.weekday()), is_single_day=False)


def _clock(parser: _Parser, match: re.Match[str]) -> None:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 23 or minute > 59:
        raise UserError("There is no such time. Example: /summary since 14:30")
    context = parser.context
    moment = datetime.combine(parser.today, time(hour, minute), parser.zone)
    if moment > context.at:
        moment -= timedelta(days=1)
    parser.limit(since_at=moment.astimezone(UTC))


def _this_topic(parser: _Parser, _: re.Match[str]) -> None:
    # Not a period by itself: the default one applies to the topic.
    span = replace(parser.request.span, thread_id=parser.context.thread_id or "")
    parser.request = replace(parser.request, span=span)


def _from_here(parser: _Parser, _: re.Match[str]) -> None:
    if not parser.context.reply_to:
        raise UserError("Reply to the message to start from: /summary from here")
    parser.limit(from_id=parser.context.reply_to)


def _set(**changes: object) -> Callable[[_Parser, re.Match[str]], None]:
    return lambda parser, _: parser.choose(**changes)


def _skip(parser: _Parser, _: re.Match[str]) -> None:
    """Skip a word without meaning."""


#: The first match counts.
_PATTERNS: tuple[tuple[str, Callable[[_Parser, re.Match[str]], None]], ...] = (
    (
        words.SINCE
        + r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
        + words.AFTER,
        _date,
    ),
    (
        words.SINCE
        + r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})(?:\.(?P<year>\d{4})?|\b)"
        + words.AFTER,
        _date,
    ),
    (
        words.SINCE + r"(?P<year>)(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]" + words.AFTER,
        _date,
    ),
    (words.SINCE + r"(?P<hour>\d{1,2}):(?P<minute>\d{2})\b", _clock),
    (words.LAST + r"(?P<count>\d{1,6}) ?" + words.UNIT + words.AGO, _last_time),
    (f"(?:{words.LAST_ONE})(?P<count>)" + words.UNIT, _last_time),
    (words.LAST + r"(?P<count>\d{1,9}) ?" + words.MESSAGES, _last_messages),
    (words.UNREAD, _set(is_unread=True)),
    (words.SINCE + words.YESTERDAY + words.AFTER, _yesterday),
    (words.TODAY, lambda parser, _: parser.since_day(parser.today, is_single_day=False)),
    (words.THIS_WEEK, _this_week),
    (words.THIS_TOPIC, _this_topic),
    (words.FROM_HERE, _from_here),
    (words.FOR_ME, _set(is_private=True)),
    (words.AS_VOICE, _set(is_spoken=True)),
    (words.FULL, _set(is_full=True)),
    (words.SHORT, _set(length="short")),
    (words.NORMAL, _set(length="normal")),
    (words.LONG, _set(length="long")),
    (words.ALL, lambda parser, _: parser.limit()),
    (words.FILLERS, _skip),
)
_WORDS = tuple((re.compile(pattern), act) for pattern, act in _PATTERNS)
