"""Budgets: how much audio, money and work may be used per day and per month, and by whom.

A day is one of UTC, a month one of the calendar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Literal, NamedTuple, Self

from core.models.messages import Chat


class BudgetPeriod(StrEnum):
    """What a limit is for; the values are what people type."""

    DAY = "day"
    MONTH = "month"


class Unit(IntEnum):
    """What a limit counts: the place in an `Amount`."""

    MINUTES = 0
    MONEY = 1
    REQUESTS = 2


class Amount(NamedTuple):
    """What work takes, in whole numbers: what is taken can be given back exactly."""

    audio_ms: int = 0
    #: Millionths of a US dollar.
    micro_usd: int = 0
    #: Recordings, answers and pieces of speech that were asked of a service, not of this machine.
    requests: int = 0


NOTHING = Amount()


def add_amounts(amounts: Iterable[Amount]) -> Amount:
    """Return the sum of amounts."""
    return Amount(*map(sum, zip(NOTHING, *amounts, strict=True)))


#: By unit: what people type, how much of it a minute or a dollar is, and how many decimals matter.
UNIT_NAMES, _SIZES, _DECIMALS = ("min", "USD", "requests"), (60_000, 1_000_000, 1), (1, 2, 0)
_LIMIT = re.compile(r"(\d{1,7}(?:\.\d{1,6})?) ?(min|usd|requests) ?/ ?(day|month)", re.IGNORECASE)
_UNITS = {name.lower(): unit for name, unit in zip(UNIT_NAMES, Unit, strict=True)}
#: The word for a budget without limits.
_UNLIMITED = "off"


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that may be used in a period."""

    period: BudgetPeriod
    unit: Unit
    #: In the unit of `Amount`.
    most: int

    def convert(self, count: int) -> float:
        """Return `count` in minutes, US dollars or requests."""
        return count / _SIZES[self.unit]

    def describe(self, count: int, *, is_rounded_up: bool = False) -> str:
        """Return `count` as "12.5 min", "0.25 USD" or "7 requests".

        It is rounded down unless `is_rounded_up`.
        """
        decimals = _DECIMALS[self.unit]
        step = _SIZES[self.unit] // 10**decimals
        steps = -(-count // step) if is_rounded_up else count // step
        shown = f"{steps / 10**decimals:.{decimals}f}".removesuffix("." + "0" * decimals)
        return f"{shown} {UNIT_NAMES[self.unit]}"

    def __str__(self) -> str:
        most = f"{self.convert(self.most):.6f}".rstrip("0").rstrip(".")
        return f"{most} {UNIT_NAMES[self.unit]}/{self.period}"


#: All that limit one account; none of them: it is not limited.
Budget = tuple[Limit, ...]


def parse_budget(text: str) -> Budget:
    """Return the limits of a text such as "180 min/day, 0.50 USD/day".

    "off" means that there is no limit, 0 that nothing may be used. Raises ValueError.
    """
    if text.strip().lower() == _UNLIMITED:
        return ()
    if text.strip() == "0":
        return tuple(Limit(BudgetPeriod.DAY, unit, 0) for unit in Unit)
    found: dict[tuple[BudgetPeriod, Unit], int] = {}
    for part in text.split(","):
        match = _LIMIT.fullmatch(part.strip())
        if match is None:
            raise ValueError('must be "off" or like "180 min/day, 20 USD/month"')
        unit, period = _UNITS[match[2].lower()], BudgetPeriod(match[3].lower())
        # What is less than the smallest step is not nothing.
        most = float(match[1])
        found[period, unit] = round(most * _SIZES[unit]) or int(most > 0)
    return tuple(Limit(*which, most) for which, most in found.items())


def show_budget(budget: Budget) -> str:
    """Return the text of a budget, from which `parse_budget` makes the same."""
    return ", ".join(map(str, budget)) or _UNLIMITED


#: Who has a budget.
AccountKind = Literal["person", "chat", "key", "bot"]


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays: a person, a group, an API key, and the whole bot."""

    kind: AccountKind
    #: Unique within its kind; empty for the bot.
    name: str = ""
    #: Its limits, unless it has been given its own.
    budget: Budget = ()

    @classmethod
    def of_group(cls, chat: Chat, budget: Budget = ()) -> Self:
        """Return the account of a group."""
        return cls("chat", f"{chat.platform}:{chat.bot_id}:{chat.chat_id}", budget)


@dataclass(frozen=True, slots=True)
class Standing:
    """How much of its budget an account has used."""

    account: Account
    #: The limits that hold now: its own, or those of all such accounts.
    budget: Budget
    #: What was used, and what calls under way may use beside it; of each period.
    used: Mapping[BudgetPeriod, Amount] = field(default_factory=dict)
    held: Mapping[BudgetPeriod, Amount] = field(default_factory=dict)
    #: What it is stored under; the same however the account was named.
    key: str = ""

    def left_of(self, limit: Limit) -> int:
        """Return how much of a limit may still be taken, 0 if nothing may."""
        return max(0, limit.most - self._taken_of(limit))

    def find_lack(self, amount: Amount, share: float = 1.0) -> Limit | None:
        """Return the limit in which `amount` has no room, the one that is free last.

        share: how much of each limit may be used.
        """
        lacking = [
            limit
            for limit in self.budget
            if (asked := amount[limit.unit]) and self._taken_of(limit) + asked > limit.most * share
        ]
        return max(lacking, key=lambda one: one.period is BudgetPeriod.MONTH, default=None)

    def _taken_of(self, limit: Limit) -> int:
        return self.used[limit.period][limit.unit] + self.held[limit.period][limit.unit]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is booked with a paid result: what it cost, and how much less is held from now on."""

    accounts: tuple[Account, ...]
    day: date
    paid: Amount
    released: Amount


def end_of(period: BudgetPeriod, moment: datetime) -> datetime:
    """Return when the period that `moment` is in is over."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period is BudgetPeriod.DAY:
        return midnight + timedelta(days=1)
    return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
