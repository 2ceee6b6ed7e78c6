"""Budgets: reservations race, periods end, clocks jump, programs are killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, pairwise
from typing import Any

import pytest

from core.clock import Clock
from core.errors import OverBudget, StorageFull
from core.limits.budgets import Budgets, Reservation
from core.models import (
    Amount,
    BudgetPeriod,
    Chat,
    Transcript,
    parse_budget,
)
from core.requester import BudgetRules, Requester, requester_of_key, work_for
from core.store import Store
from core.store.budget_keys import move_budget
from tests.support.virtual_time import current_clock

GROUP = Chat("telegram", "1", "-100")
ADA = Requester("person", Chat("telegram", "1", "7"), None, "7", "en")
MINUTE, SECOND = Amount(60_000), Amount(1000)
_keys = count()


class SetClock(Clock):
    """A clock that is set by hand."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def make(store: Store, clock: Clock | None = None, **rules: str) -> Budgets:
    """Return budgets with the rules given as people type them."""
    read: Any = {f"of_{name}": parse_budget(text) for name, text in rules.items()}
    return Budgets(store.budgets, BudgetRules(**read), clock or current_clock())


async def use(store: Store, budgets: Budgets, amount: Amount, paid: Amount | None = None) -> bool:
    """Do some work on behalf of the requester; return whether it was allowed."""
    try:
        async with budgets.reserve() as reservation:
            await reservation.hold(amount)
            await asyncio.sleep(1)  # waits for its turn
            await pay(store, reservation, amount if paid is None else paid)
    except OverBudget:
        return False
    return True


async def pay(store: Store, reservation: Reservation, amount: Amount) -> None:
    """Save a new result that has cost `amount`, and release all else that is held."""
    with reservation.send(lambda: amount) as call:
        call.cost = amount
    save = partial(store.results.save, f"result {next(_keys)}", Transcript("x"))
    await reservation.pay(save, is_last=True)


async def used(budgets: Budgets, requester: Requester = ADA) -> dict[str, int]:
    """Return the milliseconds that each account has used today; nothing may be held."""
    standings = await budgets.standings(requester)
    assert not any(any(held) for standing in standings for held in standing.held.values())
    return {one.account.kind: one.used[BudgetPeriod.DAY].audio_ms for one in standings}


@pytest.mark.parametrize("who", ["people", "bot"])
async def test_fifty_calls_for_the_last_minute(store: Store, clock: Clock, who: str) -> None:
    budgets = make(store, clock, **{who: "2 min/day"})
    with work_for(ADA):
        assert await use(store, budgets, MINUTE)
        results = await asyncio.gather(*(use(store, budgets, MINUTE) for _ in range(50)))
    assert sum(results) == 1
    assert await used(budgets) == {"person": 120_000, "bot": 120_000}


async def test_the_first_limits_that_have_no_room_hold_nothing_of_the_others(store: Store) -> None:
    budgets = make(store, people="10 min/day", groups="10 min/day", bot="1 min/day")
    group = Requester("g", GROUP, GROUP, "7", "en")
    with work_for(group):
        assert not await use(store, budgets, Amount(61_000))
        assert await used(budgets, group) == {"person": 0, "chat": 0, "bot": 0}
        assert await use(store, budgets, MINUTE)
    assert await used(budgets, group) == {"person": 60_000, "chat": 60_000, "bot": 60_000}
    other = Requester("g", GROUP, GROUP, "8", "en")
    assert (await used(budgets, other))["person"] == 0
    assert list(await used(budgets, requester_of_key("alice"))) == ["key", "bot"]


async def test_three_hundred_orders_of_one_person(store: Store) -> None:
    """At the default, and the bot goes on for others."""
    budgets = make(store, people="180 min/day, 0.5 USD/day")
    with work_for(ADA):
        results = [await use(store, budgets, MINUTE) for _ in range(300)]
        assert results == [True] * 180 + [False] * 120
        cents = Amount(micro_usd=10_000)
        assert [await use(store, budgets, cents) for _ in range(60)] == [True] * 50 + [False] * 10
    with work_for(Requester("p", Chat("telegram", "1", "8"), None, "8")):
        assert await use(store, budgets, MINUTE)


async def test_what_an_ended_process_held_is_released(store: Store, clock: Clock) -> None:
    budgets = make(store, people="1 min/day")
    today, accounts = clock.now().date(), budgets.rules.list_accounts(ADA)
    await store.budgets.reserve(accounts, MINUTE, today)
    with work_for(ADA):
        assert not await use(store, budgets, SECOND)
        # By itself after a day, if no program starts.
        [later, _] = await store.budgets.standings(accounts, today + timedelta(days=2))
        assert not any(map(any, later.held.values()))
        assert await store.budgets.release_all(today) == 2
        assert await use(store, budgets, MINUTE)


NEW_YEAR = datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC)


async def test_a_call_over_midnight_counts_on_the_day_on_which_it_began(store: Store) -> None:
    clock = SetClock(NEW_YEAR)
    budgets = make(store, clock, people="1 min/day, 2 min/month")
    with work_for(ADA):
        async with budgets.reserve() as reservation:
            await reservation.hold(MINUTE)
            clock.at += timedelta(minutes=1)
            assert await used(budgets) == {"person": 0, "bot": 0}, "a new day, a new month"
            await pay(store, reservation, MINUTE)
        assert [await use(store, budgets, MINUTE) for _ in range(2)] == [True, False]
        clock.at += timedelta(days=1)
        assert [await use(store, budgets, MINUTE) for _ in range(2)] == [True, False]
        clock.at += timedelta(days=1)
        assert not await use(store, budgets, SECOND), "the month is used up"
        clock.at = datetime(2027, 2, 1, tzinfo=UTC)
        assert await use(store, budgets, MINUTE)


async def test_work_that_waits_over_midnight_has_the_room_of_the_new_day(store: Store) -> None:
    clock = SetClock(NEW_YEAR)
    budgets = make(store, clock, people="1 min/day, 1 min/month")
    with work_for(ADA):
        assert await use(store, budgets, MINUTE)
        async with budgets.reserve() as reservation:
            clock.at += timedelta(minutes=1)
            await reservation.hold(MINUTE)
            assert (await budgets.standings(ADA))[0].held[BudgetPeriod.DAY] == MINUTE
            with pytest.raises(OverBudget) as refused:
                await reservation.hold(MINUTE)
            assert refused.value.values["when"] == "in 31 d"
            await pay(store, reservation, SECOND)
        assert await used(budgets) == {"person": 1000, "bot": 1000}


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=365)])
async def test_a_clock_that_jumps_and_back_begins_no_day_twice(
    store: Store, jump: timedelta
) -> None:
    clock = SetClock(NEW_YEAR if jump > timedelta() else NEW_YEAR + timedelta(minutes=1))
    budgets = make(store, clock, people="1 min/day")
    with work_for(ADA):
        for _ in range(3):
            await use(store, budgets, MINUTE)
            clock.at += jump
            await use(store, budgets, MINUTE)
            clock.at -= jump
        assert await used(budgets) == {"person": 60_000, "bot": 60_000}
        clock.at += jump
        assert await used(budgets) == {"person": 60_000, "bot": 60_000}


async def test_own_budgets_hold_instead_of_the_rules(store: Store) -> None:
    budgets = make(store, people="1 min/day")
    account = budgets.rules.person("telegram", "7")
    with work_for(ADA):
        await store.budgets.set_budget(account, parse_budget("3 min/day"), "test:7", "who")
        assert [await use(store, budgets, MINUTE) for _ in range(4)] == [True] * 3 + [False]
        await store.budgets.set_budget(account, (), "test:7", "who")
        assert await use(store, budgets, MINUTE), "off"
        await store.budgets.set_budget(account, None, "test:7", "who")
        assert not await use(store, budgets, SECOND)
        await store.budgets.reset(account, budgets.clock.now().date(), "test:7", "who")
        assert await use(store, budgets, SECOND)
    assert await used(budgets) == {"person": 1000, "bot": 241_000}


async def test_a_group_that_moves_keeps_what_it_has_used(store: Store) -> None:
    budgets, new = make(store, groups="1 min/day"), Chat("telegram", "1", "-200")
    with work_for(Requester("g", GROUP, GROUP, "7")):
        assert await use(store, budgets, MINUTE)
    await store.budgets.set_budget(
        budgets.rules.group(GROUP), parse_budget("2 min/day"), "test:7", "who"
    )
    for _ in range(2):
        await store.chats.move(GROUP, new)
    with work_for(Requester("g", new, new, "7")):
        assert [await use(store, budgets, MINUTE) for _ in range(2)] == [True, False]


async def test_a_group_whose_move_is_undone_once_keeps_what_it_has_used(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets, new = make(store, groups="1 min/day"), replace(GROUP, chat_id="-200")
    before, after = (Requester("g", chat, chat, "7") for chat in (GROUP, new))
    with work_for(before):
        assert await use(store, budgets, MINUTE)

    def move_and_fail(*arguments: Any) -> None:
        move_budget(*arguments)
        raise StorageFull("hearsay.db", 0)

    with monkeypatch.context() as patch, pytest.raises(StorageFull):
        patch.setattr("core.store.chats.move_budget", move_and_fail)
        await store.chats.move(GROUP, new)
    await store.chats.move(GROUP, new)
    assert (await used(budgets, after))["chat"] == 60_000
    with work_for(after):
        assert not await use(store, budgets, SECOND)


async def test_a_group_that_moves_while_a_call_is_under_way_pays_for_it(store: Store) -> None:
    budgets = make(store, groups="9 min/day")
    chats = [replace(GROUP, chat_id=chat_id) for chat_id in ("-100", "-200", "-300")]
    before, _, after = (Requester("g", chat, chat, "7") for chat in chats)
    with work_for(before):
        async with budgets.reserve() as reservation, budgets.reserve() as other:
            await reservation.hold(MINUTE)
            await other.hold(MINUTE)
            for old, new in pairwise(chats):
                await store.chats.move(old, new)
            await other.hold(SECOND)
            await pay(store, reservation, MINUTE)
    assert await used(budgets, after) == {"person": 60_000, "chat": 60_000, "bot": 60_000}
    assert (await used(budgets, before))["chat"] == 0


async def test_share_of_what_is_left(store: Store) -> None:
    budgets = make(store, people="10 min/day, 1 USD/month")
    assert await budgets.share(requester_of_key("alice"), Amount(60_000)) is None

    async def find(amount: Amount) -> tuple[float, str]:
        share = await budgets.share(ADA, amount)
        assert share
        return share.of_left, share.describe("en")

    assert await find(Amount(120_000)) == (0.2, "uses 2 min of your 10 min today")
    money = await find(Amount(60_000, 500_000))
    assert money == (0.5, "uses 0.50 USD of your 1 USD this month")
    scarce = make(store, people="10 min/day", bot="3 min/day")
    shares = [await scarce.share(ADA, MINUTE, is_own=is_own) for is_own in (False, True)]
    assert [one.standing.account.kind for one in shares if one] == ["bot", "person"]
    with work_for(ADA):
        await use(store, budgets, Amount(600_000))
    assert (await find(Amount(1000)))[0] > 1
