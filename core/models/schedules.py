"""When a digest is due: local times, weekdays, clocks that change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.models.messages import Chat

#: A digest that comes later than this says so.
LATE_AFTER = timedelta(minutes=5)
#: No two digests of a schedule are further apart: a weekend, and dates that a zone left out.
LONGEST_GAP = timedelta(days=8)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DigestTime:
    """When a digest comes, as it was typed."""

    #: "09:00", local to `zone`.
    at: str
    #: An IANA name, empty where none was named.
    zone: str = ""
    is_weekdays: bool = False
    is_topic: bool = False


@dataclass(frozen=True, slots=True)
class DigestSchedule:
    """A digest that comes by itself."""

    schedule_id: str
    chat: Chat
    #: "09:00", local to `zone`, an IANA name.
    at: str
    zone: str
    is_weekdays: bool
    #: Where it is sent; with `is_topic` it tells of that topic alone.
    thread_id: str | None
    is_topic: bool
    #: Language of who asked for it (BCP 47).
    language: str
    next_at: datetime
    #: Up to when the last one told, None before the first.
    last_at: datetime | None = None


def next_at(plan: DigestTime | DigestSchedule, after: datetime) -> datetime:
    """Return the first moment after `after` at which the digest is due, in UTC.

    A local time that a clock leaves out moves to the first moment that follows; one that comes
    twice counts when it comes first. A date that a zone left out has no digest.
    """
    zone, at = ZoneInfo(plan.zone), time.fromisoformat(plan.at)
    # What a clock left out before midnight may be due after it.
    day = after.astimezone(zone).date() - _DAY
    while True:
        moment = _resolve(day, at, zone)
        is_day = not plan.is_weekdays or day.weekday() < 5
        if moment > after and is_day and _exists(day, zone):
            return moment
        day += _DAY


def _resolve(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the moment of a local time, or the end of the gap that it lies in."""
    local = datetime.combine(day, at)
    first = local.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # In a gap the first reading lies behind it and the second one before it.
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    offset = first.astimezone(zone).utcoffset()
    while first - before > timedelta(seconds=1):
        middle = before + (first - before) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            first = middle
        else:
            before = middle
    return first


def _exists(day: date, zone: ZoneInfo) -> bool:
    return _resolve(day, time(), zone) != _resolve(day + _DAY, time(), zone)
