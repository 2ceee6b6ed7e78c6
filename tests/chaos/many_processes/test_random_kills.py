"""Repeated kills of one process after the other under load: nothing lost or out of order."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import PASSWORD, QUICK, Cluster
from tests.chaos.notes import make_notes
from tests.chaos.report import add_table
from tests.chaos.test_random_kills import Storm

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES, CHATS, KILLS = (1000, 40, 200) if IS_LONG else (24, 8, 10)
#: The longest time between two kills.
PAUSE_S = 1.8 if IS_LONG else 0.5
DRAIN_S = 600.0 if IS_LONG else 60.0
#: A generous limit for the whole test.
LIMIT_S = 1800.0 if IS_LONG else 180.0


async def kill_often(cluster: Cluster, storm: Storm, count: int) -> None:
    """Kill and restart a worker, an intake, the other worker, the other intake, and so on."""
    victims = [one for pair in zip(cluster.workers, cluster.intakes, strict=True) for one in pair]
    for number in range(count):
        victim = victims[number % len(victims)]
        # The kill comes at a random moment, sometimes during the start.
        await asyncio.sleep(random.uniform(0.0, PAUSE_S))
        killed_s = time.monotonic()
        await victim.kill()
        storm.note_kill(killed_s)
        await victim.start(is_awaited=random.random() < 0.5, **cluster.overrides)


async def test_kills_of_one_after_the_other_lose_nothing(cluster: Cluster) -> None:
    random.seed(13)
    notes = await make_notes(range(1, NOTES + 1))
    cluster.mimo.rules.latency_s = 0.1
    # Whoever is told that something takes longer may get what is sent later before it.
    untold = {"core.operations.delays:DelayNotices.tell_after_s": 3600.0}
    cluster.overrides |= {"has_limits": False, "constants": QUICK | untold}
    storm = Storm(cluster.telegram, cluster.mimo)
    for number in range(CHATS):
        user = cluster.telegram.add_user(f"Person {number}")
        chat = user
        if number % 4 == 0:
            chat = cluster.telegram.add_chat("supergroup", members={user: "creator"})
            await cluster.enable_auto(chat)
        storm.sent[chat] = {}
    await cluster.start()
    async with asyncio.timeout(LIMIT_S - DRAIN_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_often(cluster, storm, KILLS))
        tasks.create_task(storm.feed(notes, over_s=KILLS * PAUSE_S / 2))
    await cluster.start()
    states = await cluster.settle(NOTES, DRAIN_S)
    seen = storm.count()
    billed = len(cluster.mimo.billed)
    add_table(
        f"{NOTES} notes in {CHATS} chats, {KILLS} random kills of two intakes and two workers",
        (*seen, "billed calls", "jobs"),
        [(*seen.values(), billed, dict(states))],
    )
    del seen["allowed repeats"]
    assert +seen == Counter()
    assert states == {"done": NOTES}
    assert billed <= NOTES + storm.calls_at_risk
    log = cluster.whole_log
    assert "Traceback" not in log and PASSWORD not in log
