"""How the limits of an account are used and shared when more is asked for than they allow.

    python -m benchmarks flood

In one process, on a loop with virtual time, with a local MiMo that has the limits of an account:
100 calls and 10,000 tokens a minute. The notes are of 5 s and a call takes a second.

Three hundred notes of one person, in sixty chats: how much later others get their text, who send a
note each at different times after it. The other side is the same note alone. Then, for three
minutes, three times as many notes as calls are allowed, of a hundred people: how many calls MiMo
takes in the worst minute, and how many it refuses with 429. The other side is the limit, and all
calls.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

from benchmarks.support.rows import Figures, Row
from benchmarks.table.pipeline import silence_logs
from core.store.work import excess
from tests.emulators.mimo import MimoServer
from tests.support.clean_start import open_store
from tests.support.flood import Crowd, run_crowd
from tests.support.virtual_time import VirtualLoop

Found = TypeVar("Found")

FLOOD, CHATS, AFTER_S = 300, 60, (1.0, 10.0, 20.0, 40.0)
DELAY_S = 2.0
#: Calls that the account allows a minute, for how many minutes there are how many times as many,
#: and of how many people.
ALLOWED, MINUTES, TIMES, PEOPLE = 100, 3, 3, 100
USED_PERCENT, REFUSED_PERCENT = 90.0, 2.0


@asynccontextmanager
async def crowd() -> AsyncIterator[tuple[Crowd, MimoServer]]:
    """Run an assistant that takes as many open jobs of one person as they send."""
    most, excess.MAX_OF_PERSON = excess.MAX_OF_PERSON, FLOOD
    try:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(Path(folder))
            async with MimoServer() as mimo, run_crowd(store, mimo) as people:
                yield people, mimo
            await store.close()
    finally:
        excess.MAX_OF_PERSON = most


async def wait_behind() -> Figures:
    """Return the longest delay of a note behind the flood, and the time that one takes alone."""
    async with crowd() as (people, _):
        alone_s, waits_s = await people.wait_s("first"), []
        for number in range(FLOOD):
            await people.send("many", number % CHATS)
        for number, after_s in enumerate(AFTER_S):
            await asyncio.sleep(after_s)
            waits_s.append(await people.wait_s(f"other {number}"))
    return Figures(max(waits_s) - alone_s, alone_s)


async def ask_for_more() -> tuple[int, int, int]:
    """Return the calls of the worst minute, and of all calls how many were refused, and how many.

    A call counts in the minute in which it began, since the first one.
    """
    async with crowd() as (people, mimo):
        for number in range(TIMES * ALLOWED * MINUTES):
            await people.send(f"person {number % PEOPLE}")
            await asyncio.sleep(60.0 / (TIMES * ALLOWED))
        calls = list(mimo.requests)
    began_s = min(call.started_at_s for call in calls)
    minutes = Counter(int((call.started_at_s - began_s) // 60) for call in calls)
    refused = sum(call.status == 429 for call in calls)
    return min(minutes[number] for number in range(MINUTES)), refused, len(calls)


def run(measure: Callable[[], Coroutine[None, None, Found]]) -> Found:
    silence_logs()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(measure())


def measure_delay() -> Figures:
    return run(wait_behind)


@cache
def measure_use() -> tuple[int, int, int]:
    return run(ask_for_more)


def find_used() -> Figures:
    worst, _, _ = measure_use()
    return Figures(100.0 * worst / ALLOWED, 100.0)


def find_refused() -> Figures:
    _, refused, count = measure_use()
    return Figures(100.0 * refused / count, 100.0)


ASKED = f"at {TIMES} × the limit"
ROWS = (
    Row(f"delay by {FLOOD} notes of one person", "s", "the note alone", DELAY_S, measure_delay),
    Row(f"calls used {ASKED}", "%", "the limit", USED_PERCENT, find_used, is_minimum=True),
    Row(f"calls refused with 429 {ASKED}", "%", "all calls", REFUSED_PERCENT, find_refused),
)
