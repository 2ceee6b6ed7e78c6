"""What people are told about budgets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.errors import ConfirmationNeeded, OverBudget
from core.locale import Plural, mark, translate
from core.models import AccountKind, Amount, BudgetPeriod, Limit, Standing, Unit, end_of

_DAY, _MONTH = BudgetPeriod
#: By whose budget it is.
NO_ROOM: Mapping[tuple[AccountKind, BudgetPeriod], str] = {
    ("person", _DAY): mark(
        "This takes up to {needed}, and {left} of your {limit} per day are left: try again {when}."
    ),
    ("person", _MONTH): mark(
        "This takes up to {needed}, and {left} of your {limit} per month are left: try again"
        " {when}."
    ),
    ("chat", _DAY): mark(
        "This takes up to {needed}, and {left} of the {limit} per day for all here are left: try"
        " again {when}."
    ),
    ("chat", _MONTH): mark(
        "This takes up to {needed}, and {left} of the {limit} per month for all here are left: try"
        " again {when}."
    ),
    ("key", _DAY): mark(
        "This takes up to {needed}, and {left} of this key's {limit} per day are left: try again"
        " {when}."
    ),
    ("key", _MONTH): mark(
        "This takes up to {needed}, and {left} of this key's {limit} per month are left: try again"
        " {when}."
    ),
    ("bot", _DAY): mark(
        "This takes up to {needed}, and {left} of this bot's {limit} per day are left: try again"
        " {when}."
    ),
    ("bot", _MONTH): mark(
        "This takes up to {needed}, and {left} of this bot's {limit} per month are left: try again"
        " {when}."
    ),
}
#: What is larger than the whole budget: to wait would be in vain.
TOO_LARGE: Mapping[BudgetPeriod, str] = {
    _DAY: mark("This takes up to {needed}, more than the {limit} that are allowed per day."),
    _MONTH: mark("This takes up to {needed}, more than the {limit} that are allowed per month."),
}
#: Asked before much of what is left is used.
GO_FIRST: Mapping[tuple[AccountKind, BudgetPeriod], str] = {
    ("person", _DAY): mark(
        "This takes up to {needed}, and {left} of your {limit} per day are left. Press Go to start."
    ),
    ("person", _MONTH): mark(
        "This takes up to {needed}, and {left} of your {limit} per month are left. Press Go to"
        " start."
    ),
    ("chat", _DAY): mark(
        "This takes up to {needed}, and {left} of the {limit} per day for all here are left. Press"
        " Go to start."
    ),
    ("chat", _MONTH): mark(
        "This takes up to {needed}, and {left} of the {limit} per month for all here are left."
        " Press Go to start."
    ),
    ("bot", _DAY): mark(
        "This takes up to {needed}, and {left} of this bot's {limit} per day are left. Press Go to"
        " start."
    ),
    ("bot", _MONTH): mark(
        "This takes up to {needed}, and {left} of this bot's {limit} per month are left. Press Go"
        " to start."
    ),
}
#: Beside the progress of what takes long, in private chats.
USES: Mapping[tuple[AccountKind, BudgetPeriod], str] = {
    ("person", _DAY): mark("uses {needed} of your {limit} today"),
    ("person", _MONTH): mark("uses {needed} of your {limit} this month"),
}
#: For the person who has just used it.
NEARLY: Mapping[tuple[AccountKind, BudgetPeriod], str] = {
    ("person", _DAY): mark("Of your {limit} per day {left} are left. More {when}."),
    ("person", _MONTH): mark("Of your {limit} per month {left} are left. More {when}."),
    ("chat", _DAY): mark(
        "Of the {limit} per day that you share with others {left} are left. More {when}."
    ),
    ("chat", _MONTH): mark(
        "Of the {limit} per month that you share with others {left} are left. More {when}."
    ),
}
IN_MINUTES, IN_HOURS, IN_DAYS = mark("in {count} min"), mark("in {count} h"), mark("in {count} d")
MINUTES, DOLLARS = mark("{amount} min"), mark("{amount} USD")
AT = mark("at {time} ({wait})")
_HOUR_S, _DAY_S = 3600, 86_400


def show_amount(limit: Limit, count: int, language: str, *, is_rounded_up: bool = False) -> str:
    """Return `count` of what a limit counts: "12.5 min", "0.25 USD" or "1 request"."""
    if limit.unit is Unit.REQUESTS:
        return translate(Plural("{count} request", "{count} requests", count), language)
    # Only here: it loads Babel, and amounts are shown rarely.
    from core.locale.languages import localize_number

    number, _, _ = limit.describe(count, is_rounded_up=is_rounded_up).partition(" ")
    text = MINUTES if limit.unit is Unit.MINUTES else DOLLARS
    return translate(text, language, amount=localize_number(number, language))


def show_left(standing: Standing, limit: Limit, language: str) -> dict[str, str]:
    """Return the values of the texts about a limit: what is left of it, and the whole."""
    return {
        "left": show_amount(limit, standing.left_of(limit), language),
        "limit": show_amount(limit, limit.most, language),
    }


def describe_use(standing: Standing, period: BudgetPeriod, language: str) -> str:
    """Return "12 min / 180 min, 0.1 USD / 0.5 USD"; without a limit only the minutes of the day."""
    limits = [limit for limit in standing.budget if limit.period is period]
    used, unlimited = standing.used[period], Limit(period, Unit.MINUTES, 0)
    if not limits:
        return show_amount(unlimited, used.audio_ms, language) if period is BudgetPeriod.DAY else ""
    shown = (
        (show_amount(limit, count, language) for count in (used[limit.unit], limit.most))
        for limit in limits
    )
    return translate(", ", language).join(map(" / ".join, shown))


@dataclass(frozen=True, slots=True)
class Share:
    """What some work takes of a limit."""

    standing: Standing
    limit: Limit
    amount: Amount

    @property
    def of_left(self) -> float:
        """How much it is of what is left, more than 1 if there is no room for it."""
        return self.amount[self.limit.unit] / max(1, self.standing.left_of(self.limit))

    def describe(self, language: str) -> str:
        """Return "uses 12 min of your 180 min today", nothing unless it is a person's limit."""
        text = USES.get((self.standing.account.kind, self.limit.period))
        return translate(text, language, **self._values(language)) if text else ""

    def ask(self, language: str) -> ConfirmationNeeded:
        """Return the error that asks the person whether to begin."""
        text = GO_FIRST[self.standing.account.kind, self.limit.period]
        return ConfirmationNeeded(text, **self._values(language))

    def refuse(self, now: datetime, language: str) -> OverBudget:
        """Return the error for work that the limit has no room for."""
        free_at = end_of(self.limit.period, now)
        wait_s = (free_at - now).total_seconds()
        is_too_large = self.amount[self.limit.unit] > self.limit.most
        text = NO_ROOM[self.standing.account.kind, self.limit.period]
        return OverBudget(
            TOO_LARGE[self.limit.period] if is_too_large else text,
            free_at,
            wait_s,
            when=describe_wait(wait_s, language),
            **self._values(language),
        )

    def _values(self, language: str) -> dict[str, str]:
        """Return the values of the texts about it."""
        limit = self.limit
        return {
            "needed": show_amount(limit, self.amount[limit.unit], language, is_rounded_up=True),
            **show_left(self.standing, limit, language),
        }


def describe_wait(wait_s: float, language: str) -> str:
    """Return "in 5 h", never sooner than it is."""
    if wait_s <= _HOUR_S:
        return translate(IN_MINUTES, language, count=max(1, math.ceil(wait_s / 60)))
    if wait_s <= 2 * _DAY_S:
        return translate(IN_HOURS, language, count=math.ceil(wait_s / _HOUR_S))
    return translate(IN_DAYS, language, count=math.ceil(wait_s / _DAY_S))


def add_local_time(error: OverBudget, zone: str, language: str) -> None:
    """Let the sentence also say at what time of a chat's zone it is free.

    That of a chat whose zone is not known is "UTC".
    """
    if zone == "UTC":
        return
    local = error.free_at.astimezone(ZoneInfo(zone))
    wait_s = error.retry_after_s or 0.0
    time, wait = f"{local:%H:%M}", describe_wait(wait_s, language)
    when = time if wait_s <= _DAY_S else f"{local:%Y-%m-%d} {time}"
    error.values["when"] = translate(AT, language, time=when, wait=wait)
