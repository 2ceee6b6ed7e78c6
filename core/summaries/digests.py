"""Parser of the time of a digest as people type it."""

from __future__ import annotations

import re
from functools import cache
from zoneinfo import available_timezones

from core.errors import UserError
from core.models.schedules import DigestTime

_TIME = re.compile(r"(\d{1,2})(?:[:：.h](\d{2}))?\s*([ap]m)?(?!\S)", re.IGNORECASE)
#: Names that depend on the machine.
_NO_PLACES = {"localtime", "posixrules", "Factory"}
_WEEKDAYS = ("weekdays", "工作日", "werktags", "будни", "будням")
_TOPIC = ("topic", "thread", "话题", "子区", "thema", "тема", "темы", "ветка", "ветки")
_FILLERS = ("по", "в")


def parse_digest_time(text: str) -> DigestTime:
    """Read "09:00 Europe/Berlin weekdays topic"; all but the time may be left out.

    Raises UserError.
    """
    found = _TIME.match(text.strip())
    at = _read_time(*found.groups()) if found else None
    if found is None or at is None:
        raise UserError("Example: /digest 09:00 Europe/Berlin weekdays")
    words = text.strip()[found.end() :].replace(",", " ").split()
    is_weekdays = any(word.lower() in _WEEKDAYS for word in words)
    is_topic = any(word.lower() in _TOPIC for word in words)
    named = " ".join(w for w in words if w.lower() not in (*_WEEKDAYS, *_TOPIC, *_FILLERS))
    zone = find_zone(named) if named else ""
    if zone is None:
        raise UserError(
            "I don't know the time zone {zone}. Example: Europe/Berlin", zone=named[:40]
        )
    return DigestTime(at, zone, is_weekdays, is_topic)


def find_zone(name: str) -> str | None:
    """Return the IANA name of "europe/berlin", "Berlin" or "New York", None if unknown."""
    return _zones().get(name.strip().replace(" ", "_").casefold())


def _read_time(hours: str, minutes: str | None, half: str | None) -> str | None:
    if minutes is None and half is None:
        return None
    hour, minute = int(hours), int(minutes or 0)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    if hour > 23 or minute > 59:
        return None
    return f"{hour:02}:{minute:02}"


@cache
def _zones() -> dict[str, str]:
    """Return the zones by name, and by city if only one zone is named after it."""
    names = sorted(available_timezones() - _NO_PLACES)
    cities: dict[str, list[str]] = {}
    for name in names:
        cities.setdefault(name.rpartition("/")[2].casefold(), []).append(name)
    by_city = {city: found[0] for city, found in cities.items() if len(found) == 1}
    return by_city | {name.casefold(): name for name in names}
