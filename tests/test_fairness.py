"""One person's hundreds of notes delay nobody, through the whole road."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from core.clock import Clock
from core.models import JobState
from core.store import Store
from core.store.work import excess
from tests.emulators.mimo import MimoServer
from tests.support.flood import Crowd, run_crowd


@pytest.fixture
async def crowd(store: Store, mimo: MimoServer) -> AsyncIterator[Crowd]:
    async with run_crowd(store, mimo) as crowd:
        yield crowd


async def test_three_hundred_notes_delay_another_note_by_two_seconds_at_most(
    crowd: Crowd, clock: Clock, mimo: MimoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 1000)
    alone_s = await crowd.wait_s("first")
    for number in range(300):
        await crowd.send("many", number % 60)
    for after_s in (1, 20, 40):
        await clock.sleep(after_s)
        assert await crowd.wait_s(f"other {after_s}") <= alone_s + 2.0
    assert sum(call.status == 429 for call in mimo.requests) <= 0.02 * len(mimo.requests)


async def test_what_is_too_much_gets_one_answer(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 5)
    taken = [await crowd.send("many", number % 3) for number in range(12)]
    assert [message is not None for message in taken] == [True] * 6 + [False] * 6
    assert await crowd.loopback.settle() == {JobState.DONE: 5, JobState.REFUSED: 7}
    sent = [reply.text for _, reply in crowd.loopback.platform.sent]
    assert len(sent) == 6 and sum("take no more" in text for text in sent) == 1


async def test_three_times_the_limits_are_used_up_and_shared(
    crowd: Crowd, clock: Clock, mimo: MimoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One chat has two hundred jobs, twenty people have five, and one has a single one."""
    monkeypatch.setattr(excess, "MAX_OF_PERSON", 1000)
    began_s = clock.monotonic()
    for number in range(200):
        await crowd.send("many")
        if number < 100:
            await crowd.send(f"person {number % 20}", number % 2)
    await clock.sleep(10)
    # Whoever waits has a share of the hundred calls a minute, as many as there are people.
    fair_s = 60.0 / 100 * 22
    assert await crowd.wait_s("single") <= 2 * fair_s
    await crowd.loopback.settle()
    calls = mimo.requests
    assert sum(call.status == 429 for call in calls) <= 0.02 * len(calls)
    minutes = Counter(int((call.started_at_s - began_s) // 60) for call in calls)
    assert all(minutes[number] >= 90 for number in range(2)), minutes
    assert len(crowd.loopback.platform.sent) == 301
