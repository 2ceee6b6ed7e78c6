"""One account of an engine, whose limits two processes share on PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.errors import EngineBusy, EngineError
from core.interfaces import TranscriberLimits
from core.limits import AccountGate
from core.requester import Requester, work_for
from core.store import Store
from core.store.events import ROOM
from tests.support.clean_start import ask_database, open_store

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("tier", ["postgresql"], indirect=True),
]
WINDOW_S = 3


class Service:
    """What both processes call: it notes who has asked, and when."""

    def __init__(self, stores: list[Store]) -> None:
        self.stores = stores
        self.gates: list[AccountGate] = []
        self.began: list[tuple[float, str]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.at_once = self.most_at_once = 0
        self.start_s = time.monotonic()

    def open(self, **limits: Any) -> None:
        """Let each process have a gate of its own."""
        for store in self.stores:
            gate = AccountGate("x", TranscriberLimits(**limits), clock=store.clock)
            gate.share(store.rooms, partial(store.events.subscribe, ROOM))
            self.gates.append(gate)

    async def call(
        self, process: int, person: str, takes_s: float = 0.02, error: EngineError | None = None
    ) -> None:
        with work_for(Requester(person=person)):
            async with self.gates[process].call(1.0, person):
                self.began.append((time.monotonic() - self.start_s, person))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    await asyncio.sleep(takes_s)  # the call takes so long
                finally:
                    self.at_once -= 1
                if error:
                    raise error

    def flood(self, count: int, person: str, takes_s: float = 0.02) -> list[asyncio.Task[None]]:
        """Ask for so much in each process."""
        tasks = [
            asyncio.create_task(self.call(process, person, takes_s))
            for _ in range(count)
            for process in (0, 1)
        ]
        self.tasks += tasks
        return tasks

    def most_in(self, seconds: float) -> int:
        """Return how many calls began within so many seconds at most."""
        moments = sorted(moment for moment, _ in self.began)
        return max(sum(a <= b < a + seconds for b in moments) for a in moments)


@pytest.fixture
async def service(store: Store, tmp_path: Path) -> AsyncIterator[Service]:
    both = [store, open_store(tmp_path)]
    for one in both:
        one.rooms.window_s = WINDOW_S
        await one.processes.renew()
    listening = [asyncio.create_task(one.events.run()) for one in both]
    yield (made := Service(both))
    await stop(listening + made.tasks)
    for gate in made.gates:
        await asyncio.gather(*getattr(gate._room, "_chores", ()))
    await both[1].close()


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def within(seconds: float, work: Coroutine[Any, Any, None]) -> float:
    """Return how long some work took, at most so many seconds."""
    began_s = time.monotonic()
    await asyncio.wait_for(work, seconds)
    return time.monotonic() - began_s


async def test_calls_under_way_are_bounded_over_both(service: Service) -> None:
    service.open(concurrency=5)
    await asyncio.gather(*service.flood(10, "", takes_s=0.1))
    assert service.most_at_once == 5 and len(service.began) == 20
    assert service.began[-1][0] < 2, "whoever waits hears that there is room"


async def test_the_limit_is_used_and_never_exceeded(service: Service) -> None:
    """Three times what there is, offered over two windows, by several people."""
    limit = 60
    service.open(concurrency=40, calls_per_minute=limit)
    for person in "abc":
        service.flood(2 * limit // 3, person)
    await asyncio.sleep(2 * WINDOW_S)  # of the database's clock
    used = len(service.began) / 2 / limit
    assert service.most_in(WINDOW_S - 0.05) <= limit
    # A window that one process leaves to the other would make it half.
    assert used >= 0.75, used


async def test_a_flood_over_both_delays_nobody_else(service: Service) -> None:
    """Whichever process gets it. Behind a flood of 16 s nobody waits for 4."""
    service.open(concurrency=5, calls_per_minute=100)
    service.flood(200, "flood", takes_s=0.2)
    await asyncio.sleep(0.5)  # of the database's clock
    waits_s = [await within(4, service.call(number % 2, f"other{number}")) for number in range(4)]
    await asyncio.sleep(1)  # the flood has used all that it may
    assert service.began[-1][1] == "flood"
    waits_s += [await within(4, service.call(number % 2, f"late{number}")) for number in range(4)]
    assert sum(waits_s) < 8, waits_s


async def test_a_wait_that_the_service_asks_for_holds_both(service: Service) -> None:
    service.open()
    with suppress(EngineBusy):
        await service.call(0, "a", error=EngineBusy("429", retry_after_s=1.0))
    await asyncio.sleep(0.1)  # of the database's clock
    assert await within(5, service.call(1, "b")) > 0.6


async def test_the_probe_of_one_is_that_of_both(service: Service) -> None:
    """Of an engine that is down only one process finds out whether it is back."""
    service.open()
    for number in range(5):
        with suppress(EngineBusy):
            await service.call(0, str(number), error=EngineBusy("503"))
    await asyncio.sleep(0.1)  # of the database's clock
    waiting = [asyncio.create_task(service.call(number % 2, "", 1.0)) for number in range(4)]
    await asyncio.sleep(1.5)  # of the database's clock
    assert len(service.began) == 5, "2 s are waited for"
    async with asyncio.timeout(10):
        while len(service.began) == 5:
            await asyncio.sleep(0.05)  # until the pause is over
        assert len(service.began) == 6, "the others wait for the probe"
        await asyncio.gather(*waiting)
    assert len(service.began) == 9


async def test_a_call_that_was_cancelled_while_it_was_let_through_leaves_no_slot(
    service: Service, tmp_path: Path
) -> None:
    service.open(concurrency=4)
    number = 0
    while number < 40 or len(service.began) <= 5:
        task = asyncio.create_task(service.call(0, "a", takes_s=5))
        await asyncio.sleep(number / 8000)  # of the database's clock
        await stop([task])
        number += 1
    async with asyncio.timeout(5):
        while ask_database(tmp_path, "SELECT 1 FROM engine_slots"):
            await asyncio.sleep(0.05)  # until the other thread is through


async def test_each_process_has_the_limits_of_its_own_machine(service: Service) -> None:
    service.open(concurrency=1, is_own=True)
    await asyncio.gather(*(service.call(process, "a", 0.2) for process in (0, 1)))
    assert service.most_at_once == 2


async def test_the_operator_sees_the_use_of_both(service: Service) -> None:
    service.open(calls_per_minute=100, tokens_per_minute=1000, tokens_per_call=10)
    for process in (0, 1):
        await service.call(process, "a")
    state = await service.gates[0].state()
    assert state.calls and state.tokens
    assert (state.calls.used, state.tokens.used) == (2, 20)
