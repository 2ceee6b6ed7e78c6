"""L8: a hundred thousand chats that nobody uses now cost nothing but their place on the disk."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil
import pytest

from core.store.database.tables import chats, jobs, messages
from tests.chaos.load.systems import System
from tests.chaos.report import add_table

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

CHATS = 100_000
#: What they may add to the memory of each process, and to the processor time of all starts.
MAX_MB, MAX_START_S = 8.0, 5.0
#: The columns of copies that differ from those of the row that is copied.
COPIED: Sequence[tuple[str, Mapping[str, str]]] = (
    (chats.name, {"chat_pk": "chat_pk + 1000 + i", "chat_id": "'idle ' || i"}),
    (messages.name, {"message_pk": "message_pk + 1000 + i", "chat_pk": "chat_pk + 1000 + i"}),
    (
        jobs.name,
        {"seq": "seq + 1000 + i", "job_id": "'idle' || i", "message_pk": "message_pk + 1000 + i"}
        | {"chat_pk": "chat_pk + 1000 + i", "entry": "NULL"},
    ),
)
NAMES = {one.name: [column.name for column in one.columns] for one in (chats, messages, jobs)}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a start takes, and the answer to one question after it."""

    start_s: float
    #: Processor time of all processes.
    start_cpu_s: float
    answer_s: float
    #: Memory of each process.
    mb: list[float]


def fill(system: System) -> None:
    """Copy the only chat, its message and its job."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CHATS})"
    for table, changed in COPIED:
        names = NAMES[table]
        values = ", ".join(changed.get(name, name) for name in names)
        # Of the first row alone.
        source = f"(SELECT * FROM {table} ORDER BY {names[0]} LIMIT 1) AS t"
        into = f"INSERT INTO {table} ({', '.join(names)})"
        select = f"SELECT {values} FROM n, {source}"
        system.change(f"{into} {numbers} {select}")


async def start_and_ask(system: System, person: int, jobs_before: int) -> Cost:
    """Start, get one answer, stop; return what it took."""
    began_s = time.monotonic()
    await system.start()
    start_s = time.monotonic() - began_s
    processes = [psutil.Process(one.pid) for one in system.processes]
    cpu_s = sum(sum(one.cpu_times()[:2]) for one in processes)
    began_s = time.monotonic()
    system.telegram.send_command(person, person, "/help")
    await system.settle(jobs_before + 1)
    answer_s = time.monotonic() - began_s
    mb = [one.memory_info().rss / 2**20 for one in processes]
    assert await system.stop() == [0] * len(processes)
    return Cost(start_s, cpu_s, answer_s, mb)


async def test_idle_chats_cost_nothing(system: System) -> None:
    ann = system.telegram.add_user("Ann")
    await start_and_ask(system, ann, 0)
    few = await start_and_ask(system, ann, 1)
    fill(system)
    many = await start_and_ask(system, ann, CHATS + 2)
    rows = [
        (
            name,
            *(f"{one:.2f} s" for one in (cost.start_s, cost.start_cpu_s, cost.answer_s)),
            " ".join(f"{one:.0f}" for one in cost.mb),
        )
        for name, cost in (("1", few), (f"{CHATS}", many))
    ]
    head = "chats", "start", "its processor time", "answer", "MB of each process"
    add_table(f"{system.title}: idle chats", head, rows)
    assert len(system.telegram.replies(ann)) == 3
    assert max(b - a for a, b in zip(few.mb, many.mb, strict=True)) <= MAX_MB
    assert many.start_cpu_s - few.start_cpu_s <= MAX_START_S
