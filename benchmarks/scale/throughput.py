"""Notes a second and processor time of a note: one process on SQLite, and parts on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from statistics import mean

from benchmarks.scale.system import (
    System,
    read_server_cpu_s,
    read_size_kb,
    read_written_kb,
    run_server,
    run_system,
)
from benchmarks.support.processes import median, quantile, wait_for
from benchmarks.support.sides import CHATS, Work, notes
from tests.support.postgresql import PostgresServer

#: Of each round, and before the first.
AT_ONCE, WARM_UP, ROUNDS = 60, 12, 3
#: Messages one by one, to see how soon a job starts.
ONE_BY_ONE = 40
ONE, TWO = ("intake", "worker"), ("intake", "worker", "worker")


@dataclass
class Found:
    """What one system took, round by round."""

    works: list[Work] = field(default_factory=list)
    #: Of PostgreSQL, for a note.
    server_ms: list[float] = field(default_factory=list)
    #: What PostgreSQL writes to its log for a note, and by how much the database grows.
    written_kb: list[float] = field(default_factory=list)
    grown_kb: list[float] = field(default_factory=list)
    #: From the commit of a job to its beginning.
    starts_s: list[float] = field(default_factory=list)

    @property
    def notes_per_s(self) -> float:
        return median([AT_ONCE / work.took_s for work in self.works])

    @property
    def program_ms(self) -> float:
        return median([work.parent_ms for work in self.works])

    @property
    def decoding_ms(self) -> float:
        return median([work.children_ms for work in self.works])

    @property
    def all_ms(self) -> float:
        """The processor time of a note: the program, its decoding, and PostgreSQL."""
        return self.program_ms + self.decoding_ms + self.postgresql_ms

    @property
    def postgresql_ms(self) -> float:
        return median(self.server_ms)

    @property
    def bound_per_s(self) -> float:
        """The notes a second that the processors allow, if nothing else used them."""
        return 1000 * (os.cpu_count() or 1) / self.all_ms

    def start_ms(self, share: float) -> float:
        return 1000 * quantile(self.starts_s, share)


def send_one_by_one(system: System) -> None:
    user = system.telegram.do("add_user")
    for _ in range(ONE_BY_ONE):
        known = len(system.telegram.do("replies", chat=user))
        system.telegram.do("send_command", chat=user, user=user, text="/help")
        wait_for(lambda known=known: len(system.telegram.do("replies", chat=user)) > known)  # type: ignore[misc]


def measure_round(system: System, server: PostgresServer, found: Found, number: int) -> None:
    some = notes(WARM_UP + (number + 1) * AT_ONCE)[-AT_ONCE:]
    before = read_use(system, server)
    found.works.append(system.measure_at_once(some, CHATS))
    used = (after - old for old, after in zip(before, read_use(system, server), strict=True))
    for each, amount in zip((found.server_ms, found.written_kb, found.grown_kb), used, strict=True):
        each.append(amount / AT_ONCE)


def read_use(system: System, server: PostgresServer) -> tuple[float, float, float]:
    """Return PostgreSQL's processor time in ms, the size of its log, and that of the database."""
    if not system.url:
        return 0.0, 0.0, 0.0
    return 1000 * read_server_cpu_s(server), read_written_kb(server), read_size_kb(system.url)


def read_starts(system: System) -> list[float]:
    """Return the seconds from commit to beginning of the messages sent one by one."""
    moments = system.read_moments()
    begun, committed = moments["begun"], moments["committed"]
    first = sorted(committed, key=committed.__getitem__)[:ONE_BY_ONE]
    # The job may begin before its commit is known where it was made.
    return [max(0.0, begun[job] - committed[job]) for job in first if job in begun]


@cache
def measure() -> dict[Sequence[str], Found]:
    """Return the figures of SQLite, and of PostgreSQL with one and two workers."""
    found: dict[Sequence[str], Found] = {commands: Found() for commands in (("run",), ONE, TWO)}
    with ExitStack() as stack:
        server = stack.enter_context(run_server())
        systems = {
            commands: stack.enter_context(
                run_system(commands, server if commands != ("run",) else None)
            )
            for commands in found
        }
        for system in systems.values():
            send_one_by_one(system)
            system.send_at_once(notes(WARM_UP), WARM_UP)
        for number in range(ROUNDS):
            for commands, system in systems.items():
                measure_round(system, server, found[commands], number)
        for commands, system in systems.items():
            system.close()
            found[commands].starts_s = read_starts(system)
    return found


def list_costs() -> list[tuple[object, ...]]:
    """Return the table of processor time."""
    rows: list[tuple[object, ...]] = [
        (
            "",
            "notes/s",
            "program, ms",
            "decoding, ms",
            "PostgreSQL, ms",
            "all, ms",
            "bound, notes/s",
            "log, kB",
            "growth, kB",
        )
    ]
    for commands, one in measure().items():
        parts = (one.program_ms, one.decoding_ms, one.postgresql_ms, one.all_ms)
        kept = mean(one.written_kb), mean(one.grown_kb)
        values = (one.notes_per_s, *parts, one.bound_per_s, *kept)
        figures = (f"{value:.1f}" for value in values)
        rows.append((" + ".join(commands), *figures))
    return rows
