"""Digests: parsing of their time, when they are due, and that each is sent once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.models.schedules import LONGEST_GAP, DigestTime, next_at
from core.summaries.digests import find_zone, parse_digest_time

PLANS = st.builds(
    DigestTime,
    at=st.times().map(lambda t: f"{t:%H:%M}"),
    zone=st.sampled_from(sorted(available_timezones())),
    is_weekdays=st.booleans(),
)
MOMENTS = st.integers(-25_000 * 86_400, 47_000 * 86_400).map(
    lambda seconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("9:00", DigestTime("09:00")),
        ("09:00 Europe/Berlin", DigestTime("09:00", "Europe/Berlin")),
        ("09:00 europe/berlin weekdays topic", DigestTime("09:00", "Europe/Berlin", True, True)),
        ("9pm Berlin topic", DigestTime("21:00", "Europe/Berlin", False, True)),
        ("12:30 am new york weekdays", DigestTime("00:30", "America/New_York", True)),
        ("12 pm UTC", DigestTime("12:00", "UTC")),
        ("18:00 Asia/Shanghai 子区", DigestTime("18:00", "Asia/Shanghai", False, True)),
        ("09：00 Asia/Shanghai 工作日 话题", DigestTime("09:00", "Asia/Shanghai", True, True)),
        ("9:00 Europe/Moscow по будням", DigestTime("09:00", "Europe/Moscow", True)),
        ("09:00 Europe/Moscow тема", DigestTime("09:00", "Europe/Moscow", False, True)),
        ("٠٩:٠٥", DigestTime("09:05")),
        ("topicless", None),
        ("", None),
        ("9", None),
        ("24:00 UTC", None),
        ("9:60 UTC", None),
        ("13pm UTC", None),
        ("0am UTC", None),
        ("9:00 Nowhere", None),
        ("9:00 ../etc/passwd", None),
        ("9:00 Europe", None),
        ("9:000 UTC", None),
    ],
)
def test_digest_times_are_parsed(text: str, plan: DigestTime | None) -> None:
    if plan is None:
        with pytest.raises(UserError):
            parse_digest_time(text)
    else:
        assert parse_digest_time(text) == plan


def test_a_city_of_two_zones_is_not_guessed() -> None:
    assert find_zone("Buenos Aires") is None
    assert find_zone("America/Argentina/Buenos_Aires") is not None


def local(plan: DigestTime, after: str) -> str:
    moment = next_at(plan, datetime.fromisoformat(after).replace(tzinfo=UTC))
    return f"{moment.astimezone(ZoneInfo(plan.zone)):%Y-%m-%d %H:%M %z}"


@pytest.mark.parametrize(
    ("at", "zone", "after", "due"),
    [
        ("09:00", "Europe/Berlin", "2026-11-20T07:59", "2026-11-20 09:00 +0100"),
        ("09:00", "Europe/Berlin", "2026-11-20T08:00", "2026-11-21 09:00 +0100"),
        # 02:30 is left out on 29 March and comes twice on 25 October.
        ("02:30", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29 03:00 +0200"),
        ("02:30", "Europe/Berlin", "2026-03-29T01:00", "2026-03-30 02:30 +0200"),
        ("02:30", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25 02:30 +0200"),
        ("02:30", "Europe/Berlin", "2026-10-25T00:30", "2026-10-26 02:30 +0100"),
        ("02:15", "Australia/Lord_Howe", "2026-10-03T12:00", "2026-10-04 02:30 +1100"),
        # Midnight itself was left out.
        ("00:00", "America/Sao_Paulo", "2018-11-03T12:00", "2018-11-04 01:00 -0200"),
        # The 30th of December 2011 was left out in Samoa.
        ("09:00", "Pacific/Apia", "2011-12-29T20:00", "2011-12-31 09:00 +1400"),
        ("23:45", "America/Toronto", "1919-03-31T02:00", "1919-03-31 00:30 -0400"),
    ],
)
def test_clock_changes(at: str, zone: str, after: str, due: str) -> None:
    assert local(DigestTime(at, zone), after) == due


def test_weekdays_are_those_of_the_time_zone() -> None:
    # In Auckland Monday begins while it is Sunday elsewhere.
    plan = DigestTime("08:00", "Pacific/Auckland", is_weekdays=True)
    assert local(plan, "2026-11-20T00:00") == "2026-11-23 08:00 +1300"


@given(plan=PLANS, after=MOMENTS)
def test_the_next_digest_is_the_first_after(plan: DigestTime, after: datetime) -> None:
    zone = ZoneInfo(plan.zone)
    due = next_at(plan, after)
    assert after < due <= after + LONGEST_GAP
    clock = due.astimezone(zone)
    if not is_at_gap_end(due, zone):
        assert f"{clock:%H:%M}" == plan.at
        assert clock.fold == 0
        assert not plan.is_weekdays or clock.weekday() < 5
    # Nothing was left out between: any moment before leads to the same.
    assert next_at(plan, due - timedelta(microseconds=1)) == due
    assert next_at(plan, after + (due - after) / 2) == due


def test_every_change_of_every_kind_of_zone() -> None:
    """Around each change of 2024, a digest at any time near it is due once per date."""
    kinds = {tuple(changes(ZoneInfo(zone))): zone for zone in sorted(available_timezones())}
    assert len(kinds) > 20
    for days, zone in kinds.items():
        place = ZoneInfo(zone)
        for (day, _), half_hours in product(days, (0, 1, 3, 4, 5, 6, 47)):
            plan = DigestTime(f"{half_hours // 2:02}:{half_hours % 2 * 30:02}", zone)
            moment, dates = day - timedelta(days=2), []
            for _ in range(4):
                moment = next_at(plan, moment)
                dates.append(own_date(plan, moment, place))
            assert [(d - dates[0]).days for d in dates] == [0, 1, 2, 3], (zone, plan, day)


def own_date(plan: DigestTime, moment: datetime, zone: ZoneInfo) -> date:
    """Return the date of a due digest; a time skipped at midnight belongs to the day before."""
    clock = moment.astimezone(zone)
    return clock.date() - timedelta(days=plan.at > f"{clock:%H:%M}")


def is_at_gap_end(moment: datetime, zone: ZoneInfo) -> bool:
    before = (moment - timedelta(seconds=1)).astimezone(zone).utcoffset()
    after = moment.astimezone(zone).utcoffset()
    assert before is not None and after is not None
    return before < after


def changes(zone: ZoneInfo) -> list[tuple[datetime, timedelta | None]]:
    """Return the noons before which a clock changed, and to which offset."""
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    days = [noon + timedelta(days=n) for n in range(366)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    return [(days[n], offsets[n]) for n in range(1, len(days)) if offsets[n] != offsets[n - 1]]
