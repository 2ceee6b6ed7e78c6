"""How long it takes until another process goes on: with a job, and with asking Telegram."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time

import pytest

from core.jobs.queue_runner import TAKE_OVER_S
from core.jobs.shared_queue import DEAD_AFTER_S, HEARTBEAT_S, POLL_S
from core.operations.shares import LEASE_S, RENEW_S
from core.store.operations import processes
from core.store.operations.processes import ALIVE_S
from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import Cluster, SharedProgram
from tests.chaos.notes import make_note, read_number
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: The short form has shorter intervals, see `QUICK`.
KILLS = 12 if IS_LONG else 1
#: From the kill until the next call of the engine, and of getUpdates by another process.
MAX_JOB_S, MAX_POLL_S = 15.0, 30.0


def test_the_intervals_allow_for_it() -> None:
    assert DEAD_AFTER_S >= 3 * HEARTBEAT_S, "one that is late is not dead"
    assert HEARTBEAT_S + DEAD_AFTER_S + TAKE_OVER_S + POLL_S <= MAX_JOB_S
    assert ALIVE_S + processes.RENEW_S <= MAX_JOB_S - 3, "its paid calls are free, too"
    assert LEASE_S + RENEW_S <= MAX_POLL_S


async def test_another_process_goes_on_in_time(cluster: Cluster) -> None:
    if IS_LONG:
        cluster.overrides = {"constants": {}}
    await cluster.start()
    took_s: dict[str, list[float]] = {"a job": [], "Telegram": []}
    people = [cluster.telegram.add_user(f"Person {number}") for number in range(KILLS)]
    for number, person in enumerate(people, 1):
        await wait_for(lambda: find_poller(cluster), 40)
        took_s["a job"].append(await kill_worker(cluster, person, number))
        took_s["Telegram"].append(await kill_poller(cluster))
        await cluster.settle(number)
        await cluster.start()
    for number, person in enumerate(people, 1):
        [answer] = cluster.telegram.replies(person)
        assert read_number(answer.text) == number
    note = "" if IS_LONG else ", with short intervals"
    head = "with", "kills", "p50", "p95", "max"
    rows = [(name, len(all_s), *describe(all_s)) for name, all_s in took_s.items()]
    add_table(f"seconds until another process goes on{note}", head, rows)
    assert max(took_s["a job"]) <= MAX_JOB_S
    assert max(took_s["Telegram"]) <= MAX_POLL_S
    assert "Traceback" not in cluster.whole_log


def describe(values: list[float]) -> list[str]:
    """Return the median, the 95th percentile and the maximum."""
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return [f"{one:.1f}" for one in (statistics.median(ordered), high, ordered[-1])]


def find_poller(cluster: Cluster) -> SharedProgram | None:
    """Return the process that asks Telegram for updates."""
    return next((one for one in cluster.intakes if "this process alone does" in one.log), None)


async def kill_worker(cluster: Cluster, person: int, number: int) -> float:
    """Kill a worker in the middle of a transcription; return the seconds until the next one."""
    telegram, mimo = cluster.telegram, cluster.mimo
    victim, other = cluster.workers
    calls = len(mimo.requests)
    mimo.rules.latency_s = 600.0
    # So that it is the first one's.
    other.signal(signal.SIGSTOP)
    telegram.send_voice(person, person, await asyncio.to_thread(make_note, number), duration=2)
    await wait_for(lambda: len(mimo.requests) > calls or None, 20)
    other.signal(signal.SIGCONT)
    mimo.rules.latency_s = 0.0
    killed_s = time.monotonic()
    await victim.kill()
    await wait_for(lambda: len(mimo.requests) > calls + 1 or None, 40)
    return time.monotonic() - killed_s


async def kill_poller(cluster: Cluster) -> float:
    """Kill the process that asks Telegram; return the seconds until another one does."""
    victim = find_poller(cluster)
    assert victim
    await victim.kill()
    killed_s, polls = time.monotonic(), len(cluster.telegram.requests_to("getUpdates"))
    await wait_for(lambda: len(cluster.telegram.requests_to("getUpdates")) > polls or None, 60)
    return time.monotonic() - killed_s
