"""People take turns at an engine, and nobody uses all of an account."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from core.clock import Clock
from core.fair_line import FairSlots
from core.interfaces import TranscriberLimits
from core.limits import AccountGate
from core.models import Chat, Transcript
from core.requester import Requester, work_for
from core.stall import MIN_TRY_S, StallTimer, set_timer, uncounted
from core.store import Store

#: Those of MiMo's account for transcription.
MIMO = TranscriberLimits(
    concurrency=8,
    calls_per_minute=100,
    tokens_per_minute=10_000,
    tokens_per_call=20.0,
    tokens_per_s=6.25,
)
CHAT = Chat("test", "1", "1")


class Engine:
    """Calls of people through one gate, each of which takes two seconds."""

    def __init__(self, clock: Clock, limits: TranscriberLimits = MIMO) -> None:
        self.clock, self.began_s = clock, clock.monotonic()
        self.gate = AccountGate("x", limits, clock=clock)
        #: Whose calls were let through, and when.
        self.passed: list[tuple[str, float]] = []

    async def call(self, person: str, length_s: float = 5.0) -> float:
        """Make a call; return how long it waited."""
        asked_s = self.clock.monotonic()
        with work_for(Requester(person=person)):
            async with self.gate.call(length_s):
                waited_s = self.clock.monotonic() - asked_s
                self.passed.append((person, self.clock.monotonic() - self.began_s))
                await self.clock.sleep(2.0)
        return waited_s

    def flood(self, person: str, count: int, length_s: float = 5.0) -> list[asyncio.Task[float]]:
        return [asyncio.create_task(self.call(person, length_s)) for _ in range(count)]


async def end(tasks: list[asyncio.Task[float]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("after_s", [1.0, 20.0, 50.0, 90.0])
@pytest.mark.parametrize("length_s", [5.0, 45.0])
async def test_a_flood_of_calls_delays_nobody(
    clock: Clock, after_s: float, length_s: float
) -> None:
    """Whichever of the limits it has used up, and whenever."""
    engine = Engine(clock)
    flood = engine.flood("many", 300, length_s)
    await clock.sleep(after_s)
    assert await engine.call("one", 15.0) <= 2.0
    await end(flood)


async def test_an_account_is_used_as_far_as_it_goes(clock: Clock) -> None:
    """By two hundred calls of one person, and by as many of different people."""
    for people in (1, 200):
        engine = Engine(clock)
        flood = [task for n in range(300) for task in engine.flood(f"p{n % people}", 1)]
        await clock.sleep(180)
        in_minutes = Counter(int(at_s // 60) for _, at_s in engine.passed)
        assert all(90 <= in_minutes[minute] <= 100 for minute in (0, 1, 2)), in_minutes
        await end(flood)


async def test_people_who_wait_take_turns(clock: Clock) -> None:
    engine = Engine(clock, TranscriberLimits(concurrency=1))
    first = engine.flood("a", 1)
    await clock.sleep(0)
    rest = engine.flood("a", 5) + engine.flood("b", 5) + engine.flood("c", 1)
    await asyncio.gather(*first, *rest)
    order = "".join(person for person, _ in engine.passed)
    assert order == "aabcababababb"[: len(order)], order


async def test_one_person_leaves_a_place_free(clock: Clock) -> None:
    engine = Engine(clock, TranscriberLimits(concurrency=8))
    flood = engine.flood("a", 30)
    await clock.sleep(0.5)
    assert len(engine.passed) == 7
    assert await engine.call("b") == 0.0
    await end(flood)


async def test_a_cancelled_call_gives_its_place_back(clock: Clock) -> None:
    engine = Engine(clock, TranscriberLimits(concurrency=2))
    for _ in range(3):
        tasks = engine.flood("a", 6)
        await clock.sleep(0.5)
        await end(tasks)
    assert await engine.call("a") == 0.0


class SharedSlot:
    """A slot that people hold for a second."""

    def __init__(self, clock: Clock, count: int = 1) -> None:
        self.slots, self.order = FairSlots(count, uncounted), list[str]()
        self._clock = clock

    def take(self, person: str, length_s: float = 1.0) -> asyncio.Task[None]:
        return asyncio.create_task(self._hold(person, length_s))

    async def _hold(self, person: str, length_s: float) -> None:
        await self.slots.acquire(person, length_s)
        self.order.append(person)
        await self._clock.sleep(1.0)
        self.slots.release(person)


async def test_a_wait_for_a_slot_does_not_count_nor_excuse_other_waits(clock: Clock) -> None:
    slots = FairSlots(1, uncounted)
    await slots.acquire("a")
    timer = StallTimer(queued_s=40.0, clock=clock)
    set_timer(timer)
    waiting = asyncio.create_task(slots.acquire("b"))
    await clock.sleep(2 * timer.max_s)
    assert timer.waited_s == 0.0
    slots.release("a")
    await waiting
    assert timer.waited_s == pytest.approx(40.0)
    await clock.sleep(timer.max_s - 40.0 - MIN_TRY_S)
    assert timer.waited_s == pytest.approx(timer.max_s - MIN_TRY_S)


async def test_a_wait_for_a_slot_does_not_count_for_any_job_of_a_shared_call(
    clock: Clock, store: Store
) -> None:
    """Nor where a job waits for several at once, or comes when they wait already."""
    slots = FairSlots(1, uncounted)
    await slots.acquire("a")

    async def make(show: object) -> Transcript:
        await slots.acquire("b")
        await clock.sleep(10.0)
        slots.release("b")
        return Transcript("x")

    async def follow(queued_s: float) -> StallTimer:
        timer = StallTimer(queued_s, clock)
        set_timer(timer)
        async with asyncio.TaskGroup() as calls:
            for key in ("one", "other"):
                calls.create_task(store.results.share(key, make))
        return timer

    early = asyncio.create_task(follow(20.0))
    await clock.sleep(100.0)
    late = asyncio.create_task(follow(30.0))
    await clock.sleep(100.0)
    slots.release("a")
    # One of the two calls waits until the other is done.
    assert (await early).waited_s == pytest.approx(20.0 + 10.0)
    assert (await late).waited_s == pytest.approx(30.0 + 10.0)


async def test_slots_are_taken_in_turns(clock: Clock) -> None:
    slot = SharedSlot(clock)
    tasks = [slot.take(person) for person in "aaab"]
    lost = slot.take("lost")
    await clock.sleep(0.5)
    lost.cancel()
    await asyncio.gather(*tasks)
    assert slot.order == ["a", "a", "b", "a"] or slot.order == ["a", "b", "a", "a"]


async def test_who_holds_no_slot_comes_before_who_holds_some(clock: Clock) -> None:
    """However long that which they ask for is."""
    slot = SharedSlot(clock, 2)
    tasks = [slot.take(person) for person in "aaaa"]
    await clock.sleep(0.25)
    tasks.append(slot.take("b", 100.0))
    await clock.sleep(0.25)
    assert slot.order == ["a", "a"] and slot.slots.is_wanted
    await asyncio.gather(*tasks)
    assert slot.order == ["a", "a", "b", "a", "a"]
    assert not slot.slots.is_wanted
