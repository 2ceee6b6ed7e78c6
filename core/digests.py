"""When a digest is due: local times, weekdays, clocks that change. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from core.errors import UserError
from core.models import Schedule

#: A digest that comes later than this says so.
LATE_AFTER = timedelta(minutes=5)
#: No two digests of a schedule are further apart: a weekend, and dates that a zone left out.
LONGEST_GAP = timedelta(days=8)

_DAY = timedelta(days=1)
_TIME = re.compile(r"(\d{1,2})(?:[:：.h](\d{2}))?\s*([ap]m)?(?!\S)", re.IGNORECASE)
#: Names that mean something else on each machine.
_NO_PLACES = {"localtime", "posixrules", "Factory"}
_WEEKDAYS = ("weekdays", "工作日", "werktags")
_TOPIC = ("topic", "话题", "thema")


@dataclass(frozen=True, slots=True)
class Plan:
    """When a digest comes, as it was typed."""

    #: "09:00", local to `zone`.
    at: str
    #: An IANA name, empty where none was named.
    zone: str = ""
    is_weekdays: bool = False
    is_topic: bool = False


def read_plan(text: str) -> Plan:
    """Read "09:00 Europe/Berlin weekdays topic"; all but the time may be left out.

    Raises UserError.
    """
    found = _TIME.match(text.strip())
    at = _read_time(*found.groups()) if found else None
    if found is None or at is None:
        raise UserError("Say for example: /digest 09:00 Europe/Berlin weekdays")
    words = text.strip()[found.end() :].replace(",", " ").split()
    is_weekdays = any(word.lower() in _WEEKDAYS for word in words)
    is_topic = any(word.lower() in _TOPIC for word in words)
    named = " ".join(w for w in words if w.lower() not in (*_WEEKDAYS, *_TOPIC))
    zone = find_zone(named) if named else ""
    if zone is None:
        raise UserError(
            "I do not know the time zone {zone}. Say for example: Europe/Berlin", zone=named[:40]
        )
    return Plan(at, zone, is_weekdays, is_topic)


def find_zone(name: str) -> str | None:
    """Return the IANA name that is meant by "europe/berlin", "Berlin" or "New York"."""
    return _zones().get(name.strip().replace(" ", "_").casefold())


def next_at(plan: Plan | Schedule, after: datetime) -> datetime:
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


def _read_time(hours: str, minutes: str | None, half: str | None) -> str | None:
    if minutes is None and half is None:
        return None
    hour = int(hours)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    if hour > 23 or int(minutes or 0) > 59:
        return None
    return f"{hour:02}:{minutes or '00'}"


@cache
def _zones() -> dict[str, str]:
    """Return every zone by its name, and by its city where only one zone is named after it."""
    names = sorted(available_timezones() - _NO_PLACES)
    cities: dict[str, list[str]] = {}
    for name in names:
        cities.setdefault(name.rpartition("/")[2].casefold(), []).append(name)
    by_city = {city: found[0] for city, found in cities.items() if len(found) == 1}
    return by_city | {name.casefold(): name for name in names}


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
