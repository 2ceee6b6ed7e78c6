"""A process that sleeps for longer than its lease: another goes on, and what it does is void."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import QUICK, Cluster
from tests.chaos.many_processes.test_take_over import find_poller
from tests.chaos.notes import Notes, make_notes, read_number
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.telegram import TelegramServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

#: Two or three times the lease, as `QUICK` has it.
FROZEN_S = 6.0 if IS_LONG else 4.0
TIMES = 4 if IS_LONG else 1
STANDSTILL: dict[str, float] = {"core.clock:STANDSTILL_S": 0.5}


def send(telegram: TelegramServer, sounds: Mapping[int, bytes], notes: Notes) -> None:
    """Send each note from a person of its own."""
    for number, sound in sounds.items():
        person = telegram.add_user(f"Person {number}")
        notes[person] = telegram.send_voice(person, person, sound, duration=2), number


def check(cluster: Cluster, notes: Notes, title: str) -> None:
    """Check that everybody has one reply, the right one."""
    shown = {person: cluster.telegram.replies(person) for person in notes}
    unconfirmed = find_unconfirmed(cluster.telegram, within_s=0)
    duplicates = sum(count_duplicates(answers, unconfirmed) for answers in shown.values())
    lost = sum(not answers for answers in shown.values())
    row = lost, duplicates, len(cluster.mimo.billed), dict(cluster.states())
    add_table(f"{title}, {len(notes)} notes", ("lost", "duplicates", "billed calls", "jobs"), [row])
    assert not lost and not duplicates
    for person, (message, number) in notes.items():
        replies = {(answer.reply_to, read_number(answer.text)) for answer in shown[person]}
        assert replies == {(message, number)}
    assert "Traceback" not in cluster.whole_log


async def test_a_worker_that_slept_sends_nothing(cluster: Cluster) -> None:
    cluster.overrides = {"constants": QUICK | STANDSTILL}
    cluster.mimo.rules.latency_s = 1.5
    cluster.telegram.fault("sendMessage", "delay", delay_s=0.3, count=None)
    notes: Notes = {}
    sounds = await make_notes(range(1, 4 * TIMES + 1))
    await cluster.start()
    for number in range(TIMES):
        calls = len(cluster.mimo.requests)
        first = number * 4 + 1
        send(cluster.telegram, {n: sounds[n] for n in range(first, first + 4)}, notes)
        victim = cluster.workers[number % 2]
        await wait_for(lambda at=calls: len(cluster.mimo.requests) >= at + 4 or None, 20)
        # In the middle of transcriptions: their results wait for it in its sockets.
        victim.signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)  # the stop itself is under test
        await cluster.settle(len(notes))
        victim.signal(signal.SIGCONT)
        await asyncio.sleep(1.0)  # for what it may do wrong
    states = await cluster.settle(len(notes))
    assert states == {"done": len(notes)}
    check(cluster, notes, f"a worker slept {TIMES} times for {FROZEN_S:g} s")


async def test_an_intake_that_slept_loses_and_doubles_nothing(cluster: Cluster) -> None:
    cluster.overrides = {"constants": QUICK | STANDSTILL}
    notes: Notes = {}
    sounds = await make_notes(range(1, 6 * TIMES + 1))
    await cluster.start()
    for number in range(TIMES):
        victim = await wait_for(lambda: find_poller(cluster), 20)
        batches = [range(number * 6 + part, number * 6 + part + 2) for part in (1, 3, 5)]
        send(cluster.telegram, {n: sounds[n] for n in batches[0]}, notes)
        victim.signal(signal.SIGSTOP)
        send(cluster.telegram, {n: sounds[n] for n in batches[1]}, notes)
        await cluster.settle(len(notes))  # by the other one
        victim.signal(signal.SIGCONT)
        send(cluster.telegram, {n: sounds[n] for n in batches[2]}, notes)
        await asyncio.sleep(1.0)  # for what it may do wrong
        await cluster.settle(len(notes))
        assert await victim.stop() == 0
        await cluster.start()
    check(cluster, notes, f"an intake slept {TIMES} times for longer than its lease")
