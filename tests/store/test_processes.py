"""What a process holds, when it ends without a word: slots, parts of budgets, paid calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.interfaces import CallAsk
from core.models import Account, Amount, BudgetPeriod, Chat, Settlement, Transcript, parse_budget
from core.stall import StallTimer, set_timer
from core.store import Store
from core.store.database.fencing import FENCE, Fence, JobLost
from core.store.work.results import Show
from tests.store.conftest import DUE
from tests.support.clean_start import ask_database

TODAY = DUE.date()
MINUTE = Amount(60_000, 0, 1)
ADA = Account("person", "test:7", parse_budget("2 min/day"))
ASK = CallAsk("mimo", "test:7", concurrency=3, most_of_one=2)


@pytest.fixture
async def living(stores: list[Store]) -> list[Store]:
    """Two stores, each in a process that lives."""
    for store in stores:
        await store.processes.renew()
    return stores


def kill(home: Path, store: Store) -> None:
    """Let a process have been silent for a minute."""
    ask_database(
        home,
        f"UPDATE leases SET until_at = until_at - interval '1 minute'"
        f" WHERE holder = '{store._database.process}'",
    )


async def held(store: Store, account: Account = ADA) -> int:
    [standing] = await store.budgets.standings([account], TODAY)
    return standing.held[BudgetPeriod.DAY].audio_ms


async def test_what_a_dead_process_held_is_free(living: list[Store], tmp_path: Path) -> None:
    dead, other = living
    for store in living:
        await store.budgets.reserve([ADA], MINUTE, TODAY)
    await dead.rooms.enter(ASK, {})
    await other.processes.renew()
    assert await held(other) == 120_000, "both live"
    kill(tmp_path, dead)
    await other.processes.renew()
    assert await held(other) == 60_000
    assert ask_database(tmp_path, "SELECT * FROM engine_slots") == []
    await other.budgets.release(Settlement((ADA,), TODAY, MINUTE, MINUTE))
    assert await held(other) == 0
    assert ask_database(tmp_path, "SELECT * FROM budget_holds") == []


async def test_one_that_was_only_silent_releases_nothing_of_others(
    living: list[Store], tmp_path: Path
) -> None:
    silent, other = living
    for store in living:
        await store.budgets.reserve([ADA], MINUTE, TODAY)
    kill(tmp_path, silent)
    await other.processes.renew()
    await silent.processes.renew()
    await silent.budgets.release(Settlement((ADA,), TODAY, MINUTE, MINUTE))
    [standing] = await other.budgets.standings([ADA], TODAY)
    assert standing.held[BudgetPeriod.DAY] == MINUTE, "that of the other process"
    assert standing.used[BudgetPeriod.DAY] == MINUTE, "what was paid is booked all the same"


async def test_what_is_held_for_a_group_moves_with_it(living: list[Store], tmp_path: Path) -> None:
    dead, other = living
    before, after = Chat("test", "1", "-1"), Chat("test", "1", "-2")
    await other.chats.save_watermarks("test", "1", {"-1": "1"})
    await dead.budgets.reserve([Account.of_group(before)], MINUTE, TODAY)
    await other.chats.move(before, after)
    assert await held(other, Account.of_group(after)) == 60_000
    kill(tmp_path, dead)
    await other.processes.renew()
    assert await held(other, Account.of_group(after)) == 0


async def test_a_process_that_ends_leaves_nothing(living: list[Store], tmp_path: Path) -> None:
    for store in living:
        await store.budgets.reserve([ADA], MINUTE, TODAY)
        await store.rooms.enter(ASK, {})
    await living[0].processes.end()
    assert await held(living[1]) == 60_000
    assert len(ask_database(tmp_path, "SELECT * FROM engine_slots")) == 1
    await living[1].processes.end()
    for table in ("budget_holds", "engine_slots", "paid_calls", "leases"):
        assert ask_database(tmp_path, f"SELECT * FROM {table}") == []


class Engine:
    """Makes a transcript in a while, unless it is there already."""

    def __init__(self) -> None:
        self.calls: list[Store] = []
        self.is_over = asyncio.Event()

    async def ask(self, store: Store) -> Transcript:
        async def make(show: Show | None) -> Transcript:
            if found := await store.results.find("key"):
                return found
            self.calls.append(store)
            await self.is_over.wait()
            made = Transcript(f"call {len(self.calls)}")
            await store.results.save("key", made)
            return made

        return await store.results.share("key", make)


async def until_called(engine: Engine, count: int) -> None:
    while len(engine.calls) < count:
        await asyncio.sleep(0.05)  # until the other thread is through


@pytest.mark.real_time
async def test_two_processes_pay_for_one_result_once(living: list[Store]) -> None:
    engine = Engine()
    listening = [asyncio.create_task(store.events.run()) for store in living]
    asked = [asyncio.create_task(engine.ask(store)) for store in living for _ in range(3)]
    await asyncio.sleep(0.5)  # of the database's clock
    engine.is_over.set()
    texts = {one.text for one in await asyncio.gather(*asked)}
    assert texts == {"call 1"} and len(engine.calls) == 1
    for task in listening:
        task.cancel()


@pytest.mark.real_time
async def test_the_call_of_a_dead_process_is_made_by_another(
    living: list[Store], tmp_path: Path
) -> None:
    dead, other = living
    engine = Engine()
    first = asyncio.create_task(engine.ask(dead))
    await until_called(engine, 1)
    second = asyncio.create_task(engine.ask(other))
    await asyncio.sleep(0.3)  # of the database's clock
    assert engine.calls == [dead]
    kill(tmp_path, dead)
    await other.processes.renew()
    await until_called(engine, 2)
    assert engine.calls == [dead, other]
    engine.is_over.set()
    await asyncio.gather(first, second)
    assert ask_database(tmp_path, "SELECT * FROM paid_calls") == []


async def test_a_process_that_was_silent_gives_up_its_calls(living: list[Store]) -> None:
    """The others make them by now."""
    engine, [one, _] = Engine(), living
    asked = asyncio.create_task(engine.ask(one))
    await until_called(engine, 1)
    one.processes.on_lost()
    with pytest.raises(asyncio.CancelledError):
        await asked


@pytest.mark.real_time
async def test_whoever_waits_for_another_process_follows_its_progress(
    living: list[Store],
) -> None:
    engine, [one, other] = Engine(), living
    listening = [asyncio.create_task(store.events.run()) for store in living]
    first = asyncio.create_task(engine.ask(one))
    await until_called(engine, 1)
    timer = StallTimer()

    async def wait() -> Transcript:
        set_timer(timer)
        return await engine.ask(other)

    second = asyncio.create_task(wait())
    await asyncio.sleep(0.5)  # of the database's clock
    timer.counts_from_s -= 60
    await one.processes.on_renewal[0]()
    await asyncio.sleep(0.3)  # of the database's clock
    assert timer.waited_s > 60, "the call has made no progress either"
    [call] = one.results._calls.values()
    call.timer.extend()
    await one.processes.on_renewal[0]()
    await asyncio.sleep(0.3)  # of the database's clock
    assert timer.waited_s < 1
    engine.is_over.set()
    await asyncio.gather(first, second)
    for task in listening:
        task.cancel()


async def test_a_paid_result_is_saved_though_the_job_that_began_it_is_lost(
    living: list[Store],
) -> None:
    """Others wait for it, and it is paid for."""
    engine, [store, _] = Engine(), living
    engine.is_over.set()
    token = FENCE.set(Fence("lost", 1))
    try:
        assert (await engine.ask(store)).text == "call 1"
        with pytest.raises(JobLost):
            await store.budgets.reserve([ADA], MINUTE, TODAY)
    finally:
        FENCE.reset(token)
    assert await store.results.find("key") == Transcript("call 1")
