"""L5: nothing grows while the program has an ordinary amount of work for a long time."""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest

from tests.acceptance.watch import list_tree
from tests.chaos.load.crowd import Crowd
from tests.chaos.load.gauges import HEAD, Gauges
from tests.chaos.load.systems import UNLIMITED, System, temporary_folder
from tests.chaos.notes import make_notes
from tests.chaos.report import add_table

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

#: How long it runs, and the seconds between two samples.
SOAK_S = float(os.environ.get("HEARSAY_SOAK_S", 1200))
SAMPLE_S = 5.0
#: Messages per second.
RATE = 1.0
PEOPLE, GROUPS, NOTES = 40, 10, 101
#: What may be added in the second half: memory of each process; descriptors, tasks, connections.
MAX_MB, MAX_COUNT = 4.0, 5
#: Of SQLite's log, which begins anew at each checkpoint.
MAX_WAL_BYTES = 64 * 2**20


async def talk(crowd: Crowd) -> int:
    """Send messages at random moments: notes, some commands, some texts to speak; count them."""
    telegram = crowd.system.telegram
    sounds = await make_notes(range(1, NOTES + 1))
    chats, count, end_s = crowd.chats, 0, time.monotonic() + SOAK_S
    while time.monotonic() < end_s:
        await asyncio.sleep(random.expovariate(RATE))  # the load itself
        kind = random.random()
        if kind < 0.8:
            number = count % NOTES + 1
            crowd.send(chats[count % len(chats)], number, sounds[number])
        else:
            person = random.choice(crowd.people)
            text = "/help" if kind < 0.9 else f"/say one two three {count}"
            telegram.send_command(person, person, text)
        count += 1
    return count


async def sample_often(gauges: Gauges) -> None:
    """Take samples until cancelled."""
    while True:
        await asyncio.to_thread(gauges.sample)
        await asyncio.sleep(SAMPLE_S)  # between two samples


async def test_nothing_grows(system: System) -> None:
    random.seed(23)
    system.overrides |= UNLIMITED
    system.mimo.rules.latency_s = 1.0
    crowd = Crowd(system)
    await crowd.gather(PEOPLE, GROUPS)
    await system.start()
    gauges = Gauges(system)
    sampling = asyncio.create_task(sample_often(gauges))
    count = await talk(crowd)
    sampling.cancel()
    states = await system.settle(count)
    wal_bytes = sum(
        path.stat().st_size for one in system.processes for path in one.home.glob("*.db-wal")
    )
    faults = crowd.faults(crowd.sent)
    jobs = f"{sum(states.values())} jobs in {SOAK_S:.0f} s"
    connections = gauges.connections
    title = f"{system.title}: {jobs}, {len(crowd.sent)} notes, database connections {connections}"
    add_table(title, HEAD, gauges.table())
    assert set(states) == {"done"} and not faults
    assert await system.stop() == [0] * len(system.processes)
    assert not any(list_tree(temporary_folder(one)) for one in system.processes)
    assert wal_bytes <= MAX_WAL_BYTES and "Traceback" not in system.whole_log
    check(system, gauges)


def check(system: System, gauges: Gauges) -> None:
    """Check that no process has grown in the second half."""
    assert abs(gauges.connections.late) <= MAX_COUNT
    for one in system.processes:
        name = system.name(one)
        assert gauges.growth(name, "memory").late <= MAX_MB, name
        for what in ("descriptors", "tasks"):
            assert abs(gauges.growth(name, what).late) <= MAX_COUNT, (name, what)
