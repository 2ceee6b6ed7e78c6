"""L1, L2 and L4: many people at once, a backlog after an outage, and a flood in one group."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from itertools import count

import psutil
import pytest

from tests.chaos.load.crowd import Crowd, Sent, index, percentile
from tests.chaos.load.systems import UNLIMITED, System
from tests.chaos.notes import make_notes
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

#: L1: people and groups, for how long; and the limits of the times.
PRIVATE, GROUPS, LOAD_S = 200, 60, 120.0
MAX_FIRST_S, MAX_OWN_S = 2.0, 1.0
#: Different recordings; a prime, so that no chat gets one twice.
NOTES = 211
#: The speech service takes so long.
LATENCY_S = 1.0, 8.0
#: L2: updates of so many people, and what they may add to the memory of a process.
BACKLOG, SENDERS, MAX_ADDED_MB = 5000, 200, 100.0
#: L4: notes to one group within so many seconds, and what Telegram allows there per minute.
FLOOD, FLOOD_S, OTHERS, GROUP_RATE = 100, 10.0, 40, 20


async def send_often(crowd: Crowd, sounds: dict[int, bytes], rate: float, for_s: float) -> None:
    """Send notes to all chats in turn; the speech service's time changes all the while."""
    chats, numbers, end_s = crowd.chats, count(), time.monotonic() + for_s
    while time.monotonic() < end_s:
        crowd.system.mimo.rules.latency_s = random.uniform(*LATENCY_S)
        number = next(numbers)
        one = number % len(sounds) + 1
        crowd.send(chats[number % len(chats)], one, sounds[one])
        await asyncio.sleep(random.expovariate(rate))  # the load itself


def cpu_s(system: System) -> dict[str, float]:
    """Return the processor time of each process, without that of its workers."""
    found = {}
    for one in system.processes:
        times = psutil.Process(one.pid).cpu_times()
        found[system.name(one)] = times.user + times.system
    return found


async def test_many_chats_at_once(system: System) -> None:
    """L1, with as many notes as keep seven of ten places busy."""
    random.seed(31)
    rate = 0.7 * system.places / statistics.mean(LATENCY_S)
    system.overrides |= UNLIMITED | {"calls_at_once": system.places}
    system.telegram.set_limits(is_strict=True)
    sounds = await make_notes(range(1, NOTES + 1))
    crowd = Crowd(system)
    await crowd.gather(PRIVATE, GROUPS)
    await system.start()
    before = cpu_s(system)
    await send_often(crowd, sounds, rate, LOAD_S)
    states = await system.settle(len(crowd.sent), 300)
    used = {name: f"{spent - before[name]:.0f} s" for name, spent in cpu_s(system).items()}
    times, refused = crowd.times(crowd.sent), system.telegram.violations()
    shown = (percentile(each, 0.95) for each in (times.first_s, times.own_s, times.whole_s))
    add_table(
        f"{system.title}: {len(crowd.sent)} notes in {LOAD_S:.0f} s",
        ("first p95", "own p95", "whole p95", "429", "processor time"),
        [(*(f"{one:.2f} s" for one in shown), sum(refused.values()), used)],
    )
    assert set(states) == {"done"} and not crowd.faults(crowd.sent) and not refused
    assert percentile(times.first_s, 0.95) <= MAX_FIRST_S
    assert percentile(times.own_s, 0.95) <= MAX_OWN_S


async def test_a_backlog(system: System) -> None:
    """L2: what has come during an outage is taken in at once, and answered in order."""
    telegram = system.telegram
    people = [telegram.add_user(f"Person {number}") for number in range(SENDERS)]
    sent = [
        (one, telegram.send_command(one, one, "/help")) for one in people * (BACKLOG // SENDERS)
    ]
    began_s = time.monotonic()
    await system.start()
    idle = {one.pid: psutil.Process(one.pid).memory_info().rss for one in system.processes}
    before, started_s = sum(cpu_s(system).values()), time.monotonic()
    await wait_for(lambda: not telegram.pending() or None, 300)
    taken_s, used_s = time.monotonic() - started_s, sum(cpu_s(system).values()) - before
    states = await system.settle(BACKLOG, 900)
    added = max(psutil.Process(pid).memory_info().rss - rss for pid, rss in idle.items()) / 2**20
    add_table(
        f"{system.title}: a backlog of {BACKLOG} updates",
        ("taken in after", "processor time until then", "answered after", "memory"),
        [
            (
                f"{taken_s:.1f} s",
                f"{used_s:.1f} s",
                f"{time.monotonic() - began_s:.0f} s",
                f"+{added:.0f} MB",
            )
        ],
    )
    assert states == {"done": BACKLOG}
    last = dict.fromkeys(people, 0)
    for person, message in sent:
        [answer] = telegram.replies_to(person, message)
        assert answer.message_id > last[person], "in order"
        last[person] = answer.message_id
    assert added <= MAX_ADDED_MB


async def send_others(crowd: Crowd, sounds: dict[int, bytes], numbers: range) -> list[Sent]:
    """Send a note from each of some people, half a second apart."""
    sent = []
    for person, number in zip(crowd.people, numbers, strict=False):
        sent.append(crowd.send(person, number, sounds[number]))
        await asyncio.sleep(0.5)  # the load itself
    return sent


async def test_a_flood_in_one_group(system: System) -> None:
    """L4."""
    # Whoever is told that something takes longer may get what is sent later before it.
    untold = {"core.operations.delays:DelayNotices.tell_after_s": 3600.0}
    system.overrides |= UNLIMITED
    system.overrides["constants"] = system.overrides.get("constants", {}) | untold
    system.telegram.set_limits(is_strict=True)
    system.mimo.rules.latency_s = 1.0
    sounds = await make_notes(range(1, FLOOD + 2 * OTHERS + 1))
    crowd = Crowd(system)
    await crowd.gather(2 * OTHERS, 1)
    [group] = crowd.groups
    await system.start()
    alone = await send_others(crowd, sounds, range(FLOOD + 1, FLOOD + OTHERS + 1))
    await system.settle(OTHERS)
    crowd.people = crowd.people[OTHERS:]
    beside = asyncio.create_task(
        send_others(crowd, sounds, range(FLOOD + OTHERS + 1, FLOOD + 2 * OTHERS + 1))
    )
    for number in range(1, FLOOD + 1):
        crowd.send(group, number, sounds[number])
        await asyncio.sleep(FLOOD_S / FLOOD)  # the load itself
    others = await beside
    states = await system.settle(len(crowd.sent), 900)
    p95 = [percentile(crowd.times(sent).whole_s, 0.95) for sent in (alone, others)]
    shown = find_densest(system, group)
    add_table(
        f"{system.title}: {FLOOD} notes to one group in {FLOOD_S:.0f} s",
        ("sends and edits there in a minute", "429", "others' p95 before", "others' p95"),
        [(shown, dict(system.telegram.violations()), *(f"{one:.2f} s" for one in p95))],
    )
    assert set(states) == {"done"} and not crowd.faults(crowd.sent)
    assert shown <= GROUP_RATE and not system.telegram.violations()
    assert p95[1] <= 1.5 * p95[0]


def find_densest(system: System, chat: int) -> int:
    """Return the most sends and edits in a chat within any minute."""
    requests = index(system.telegram.requests).items()
    times = sorted(
        one.received_at for (where, _), found in requests for one in found if where == chat
    )
    return max(sum(at <= other < at + 60 for other in times) for at in times)
