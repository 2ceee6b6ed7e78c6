"""Schedules of digests: local times, weekdays, daylight saving time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.models.messages import Chat

#: A digest that is later than this says so.
LATE_AFTER = timedelta(minutes=5)
#: Longest gap between two digests: a weekend, and dates that a time zone skipped.
LONGEST_GAP = timedelta(days=8)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DigestTime:
    """When a digest is sent, as the person typed it."""

    #: "09:00", local to `zone`.
    at: str
    #: An IANA name, empty where none was named.
    zone: str = ""
    is_weekdays: bool = False
    is_topic: bool = False


@dataclass(frozen=True, slots=True)
class DigestSchedule:
    """A scheduled digest."""

    schedule_id: str
    chat: Chat
    #: "09:00", local to `zone`, an IANA name.
    at: str
    zone: str
    is_weekdays: bool
    #: Where it is sent; with `is_topic` it covers that topic only.
    thread_id: str | None
    is_topic: bool
    #: Language of the person who scheduled it (BCP 47).
    language: str
    next_at: datetime
    #: The end of the last digest's period, None before the first.
    last_at: datetime | None = None
    #: Id of whoever scheduled it, empty if that is not known.
    by: str = ""


def next_at(plan: DigestTime | DigestSchedule, after: datetime) -> datetime:
    """Return the first moment after `after` at which the digest is due, in UTC.

    A local time that is skipped moves to the end of the gap; of one that occurs twice, the first
    counts. A date that a time zone skipped has no digest.
    """
    zone, at = ZoneInfo(plan.zone), time.fromisoformat(plan.at)
    # A time that was skipped before midnight may be due after it.
    day = after.astimezone(zone).date() - _DAY
    while True:
        moment = _resolve(day, at, zone)
        is_day = not plan.is_weekdays or day.weekday() < 5
        if moment > after and is_day and _exists(day, zone):
            return moment
        day += _DAY


def _resolve(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the moment of a local time, or the end of the gap it is in."""
    local = datetime.combine(day, at)
    first = local.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    # In a gap, fold=0 gives a moment after the gap and fold=1 one before it.
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
