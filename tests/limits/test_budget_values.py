"""Budgets as people type them, their periods, and the rule by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import (
    Account,
    Amount,
    BudgetPeriod,
    Chat,
    Standing,
    end_of,
    parse_budget,
    show_budget,
)
from core.requester import BudgetRules, Requester

ADA = Requester("person", Chat("telegram", "1", "7"), None, "7", "en")


@given(
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000), st.booleans()), max_size=25),
    st.randoms(use_true_random=False),
)
def test_no_more_is_booked_than_the_limit(
    steps: list[tuple[int, int, bool]], random: object
) -> None:
    """Whatever is under way at once, is paid and fails: the rule by itself, without a database."""
    most, spent, held = 10_000, 0, list[int]()
    [limit] = parse_budget("0.166667 min/day")
    assert limit.most == most
    for asked, paid, is_end in steps:
        if is_end and held:
            reserved = held.pop(random.randrange(len(held)))  # type: ignore[attr-defined]
            spent += min(paid, reserved)
        used_, holds = {BudgetPeriod.DAY: Amount(spent)}, {BudgetPeriod.DAY: Amount(sum(held))}
        standing = Standing(Account("bot"), (limit,), used_, holds)
        if standing.find_lack(Amount(asked)) is None:
            held.append(asked)
        assert spent + sum(held) <= most


def test_operators_and_the_page_have_no_budget_of_their_own() -> None:
    rules = BudgetRules(of_people=parse_budget("1 min/day"), operators=frozenset({"telegram:7"}))
    page = Requester("p", Chat("web", "1", "me"), None, "me")
    for requester in (ADA, page):
        assert rules.list_accounts(requester)[0].budget == ()
    assert rules.person("telegram", "8").budget and rules.person("discord", "7").budget


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(ValueError, match="180 min/day"):
        yield


def test_budgets_are_read_and_shown() -> None:
    for text in ("off", " OFF "):
        assert parse_budget(text) == ()
    for text in ("0 min/day", "0 USD/month, 0 min/day", "0 min/day, 0 USD/day, 0 requests/day"):
        assert show_budget(parse_budget(text)) == text, "nothing may be used"
    assert show_budget(parse_budget("0")) == text
    budget = parse_budget("180 min/day,0.5usd / month")
    assert show_budget(budget) == "180 min/day, 0.5 USD/month"
    assert parse_budget(show_budget(budget)) == budget
    assert show_budget(parse_budget("0.000001 USD/day")) == "0.000001 USD/day"
    for text in (
        "",
        "180",
        "180 min",
        "-1 min/day",
        "1e9 min/day",
        "1 h/day",
        "5 EUR/day",
        "1 min/week",
    ):
        with refused():
            parse_budget(text)


def test_periods_end_at_midnight_and_with_the_month() -> None:
    for at, day, month in (
        ("2026-12-31T23:59:59", "2027-01-01", "2027-01-01"),
        ("2028-02-28T00:00:00", "2028-02-29", "2028-03-01"),
        ("2026-10-25T01:30:00", "2026-10-26", "2026-11-01"),
    ):
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        assert end_of(BudgetPeriod.DAY, moment).isoformat() == f"{day}T00:00:00+00:00"
        assert end_of(BudgetPeriod.MONTH, moment).isoformat() == f"{month}T00:00:00+00:00"
