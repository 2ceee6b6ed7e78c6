"""Budgets and work that fails or is cancelled, at whatever step: nothing stays held or unpaid."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from random import Random

import pytest

from core.clock import Clock
from core.errors import EngineBusy, StoreError
from core.models import Amount, BudgetPeriod, Settlement, Transcript
from core.requester import Requester, work_for
from core.store import Store
from tests.limits.test_budgets import ADA, GROUP, MINUTE, SECOND, make, use, used


async def block_writer(store: Store, is_free: threading.Event) -> None:
    """Let all other transactions wait."""
    await store.results._database.write(lambda _: is_free.wait() and None)


async def test_what_is_not_used_is_free_again(store: Store, clock: Clock) -> None:
    budgets = make(store, people="1 min/day")
    with work_for(ADA):
        with pytest.raises(EngineBusy):
            async with budgets.reserve() as reservation:
                await reservation.hold(MINUTE)
                raise EngineBusy
        assert await used(budgets) == {"person": 0, "bot": 0}
        assert await use(store, budgets, MINUTE, paid=SECOND)
        assert await used(budgets) == {"person": 1000, "bot": 1000}
        task = asyncio.create_task(use(store, budgets, SECOND))
        await clock.sleep(0.5)
        assert (await budgets.standings(ADA))[0].held[BudgetPeriod.DAY] == SECOND
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await used(budgets) == {"person": 1000, "bot": 1000}


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_at_any_step_nothing_stays_held(store: Store, steps: int) -> None:
    budgets = make(store, people="1 min/day")
    with work_for(ADA):
        task = asyncio.create_task(use(store, budgets, SECOND))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await used(budgets) == {"person": 0, "bot": 0}


@pytest.mark.parametrize("cancels", [1, 3])
@pytest.mark.parametrize("steps", range(8))
async def test_what_was_paid_for_is_saved_though_its_job_is_cancelled_meanwhile(
    store: Store, steps: int, cancels: int
) -> None:
    """While the writer is busy, at any step of booking."""
    budgets, is_free, began = make(store, people="1 min/day"), threading.Event(), asyncio.Event()

    async def work() -> None:
        async with budgets.reserve() as reservation:
            await reservation.hold(MINUTE)
            busy.append(asyncio.create_task(block_writer(store, is_free)))
            await asyncio.sleep(0)
            began.set()
            with reservation.send(lambda: SECOND) as call:
                call.cost = SECOND
            await reservation.pay(partial(store.results.save, "k", Transcript("x")), is_last=True)

    busy = list[asyncio.Task[None]]()
    with work_for(ADA):
        task = asyncio.create_task(work())
    await began.wait()
    for _ in range(cancels):
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
    is_free.set()
    await asyncio.gather(task, *busy, return_exceptions=True)
    assert task.cancelled() and await store.results.find("k")
    assert await used(budgets) == {"person": 1000, "bot": 1000}


@pytest.mark.parametrize("steps", range(6))
async def test_what_is_left_is_released_though_that_is_cancelled(store: Store, steps: int) -> None:
    budgets, is_free, ended = make(store, people="1 min/day"), threading.Event(), asyncio.Event()

    async def work() -> None:
        async with budgets.reserve() as reservation:
            await reservation.hold(MINUTE)
            busy.append(asyncio.create_task(block_writer(store, is_free)))
            await asyncio.sleep(0)
            ended.set()

    busy = list[asyncio.Task[None]]()
    with work_for(ADA):
        task = asyncio.create_task(work())
    await ended.wait()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    is_free.set()
    await asyncio.gather(task, *busy, return_exceptions=True)
    assert await used(budgets) == {"person": 0, "bot": 0}


async def test_what_could_not_be_saved_is_booked_all_the_same(store: Store) -> None:
    budgets = make(store, people="1 min/day")

    async def save(*, settlement: Settlement) -> None:
        raise StoreError

    with work_for(ADA), pytest.raises(StoreError):
        async with budgets.reserve() as reservation:
            await reservation.hold(MINUTE)
            with reservation.send(lambda: SECOND) as call:
                call.cost = SECOND
            await reservation.pay(save, is_last=True)
    assert await used(budgets) == {"person": 1000, "bot": 1000}


@pytest.mark.parametrize("seed", range(5))
async def test_no_more_is_booked_than_the_limit_whatever_happens_meanwhile(
    store: Store, clock: Clock, seed: int
) -> None:
    """People and groups whose calls end, fail and are cancelled in any order."""
    rules = {"people": "2 min/day", "groups": "3 min/day", "bot": "5 min/day, 0.01 USD/month"}
    picked, budgets = Random(seed), make(store, clock, **rules)
    tasks = list[asyncio.Task[bool]]()

    async def work() -> bool:
        person = str(picked.randrange(4))
        await clock.sleep(picked.random() * 4)
        most = Amount(picked.randrange(1, 90_000), picked.randrange(4000))
        paid = Amount(picked.randrange(most.audio_ms + 1), picked.randrange(most.micro_usd + 1))
        group = GROUP if picked.random() < 0.7 else None
        with work_for(Requester("g", GROUP, group, person, "en")):
            return await use(store, budgets, most, paid)

    async def disturb() -> None:
        for _ in range(20):
            await clock.sleep(picked.random() / 4)
            picked.choice(tasks).cancel()

    tasks += [asyncio.create_task(work()) for _ in range(80)]
    results = await asyncio.gather(disturb(), *tasks, return_exceptions=True)
    assert {True, False} < {one for one in results if isinstance(one, bool | None)}
    for person in "0123":
        requester = Requester("g", GROUP, GROUP, person, "en")
        for standing in await budgets.standings(requester):
            assert not any(map(any, standing.held.values()))
            for limit in standing.budget:
                assert standing.used[limit.period][limit.unit] <= limit.most
