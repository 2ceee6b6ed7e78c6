"""How many machines a load needs, from what a note costs on one.

    python -m benchmarks.scale.plan                                # with the constants below
    python -m benchmarks.scale.plan NOTES_A_MINUTE [NAME=VALUE ...]   # with others

The constants are those that `python -m benchmarks scale` and `python -m benchmarks.scale.intake`
print on the machine at hand; prices are assumptions, named as such in docs/scale.md.
"""

from __future__ import annotations

import math
import random
import sys
from dataclasses import dataclass, fields, replace

from benchmarks.scale.queue_model import Arrival, mean_wait_s, simulate
from benchmarks.support.processes import quantile, show
from core.engines.mimo.role import ASR_LIMITS
from core.jobs.shared_queue import PLACES

#: Jobs that a worker runs for people, in places of theirs: reserved ones, and for all.
RESERVED, FOR_ALL = PLACES[2][1], PLACES[3][1]
#: No processor is used for more than this share of the time.
USED = 0.6
SIMULATED_S = 120.0


@dataclass(frozen=True)
class Constants:
    """What one note costs, measured, and what is assumed."""

    notes_a_minute: float = 10_000.0
    chats: float = 1_000_000.0
    #: Processor time, in ms: program, decoding, PostgreSQL; and of an update at intake.
    program_ms: float = 0.0
    decoding_ms: float = 0.0
    postgresql_ms: float = 0.0
    intake_per_s: float = 0.0
    #: What PostgreSQL writes to its log, and by how much the database grows, in kB.
    wal_kb: float = 0.0
    growth_kb: float = 0.0
    #: How long a note takes a place: assumed, for a service that is far away.
    service_s: float = 2.5
    #: Assumed: share of the day's peak that the day has on average, and days that content is kept.
    mean_share: float = 0.4
    days: float = 30.0
    #: Requests to Telegram that send something, of a note; Bot API FAQ: 30 messages a second.
    messages: float = 1.0
    telegram_per_s: float = 30.0
    #: Assumed prices: of a machine with 8 processors and of one with 2, a month, in USD.
    large_usd: float = 200.0
    small_usd: float = 40.0


def list_needs(one: Constants) -> list[tuple[object, ...]]:
    """Return the rows of what the load needs, what saturates first at the top."""
    per_s = one.notes_a_minute / 60
    mimo = one.notes_a_minute / (ASR_LIMITS.calls_per_minute or math.inf)
    worker = 1000 / one.program_ms
    postgresql = per_s * one.postgresql_ms / 1000
    decoding = per_s * one.decoding_ms / 1000
    places = per_s * one.service_s
    daily = one.notes_a_minute * 1440 * one.mean_share
    workers = count_workers(one)
    processors = per_s * (one.program_ms + one.decoding_ms) / 1000 / USED
    machines = math.ceil(processors / 8), math.ceil(postgresql / USED / 8)
    cost = sum(machines) * one.large_usd + 2 * one.small_usd
    return [
        ("", "needed", "one has", "how many"),
        ("accounts of MiMo, calls a minute", f"{one.notes_a_minute:.0f}", *of_mimo(mimo)),
        _row("Telegram tokens, messages a second", per_s * one.messages, one.telegram_per_s),
        ("workers, notes a second", f"{per_s:.0f}", f"{USED * worker:.1f}", workers),
        ("places in use", f"{places:.0f}", RESERVED + FOR_ALL, math.ceil(places / 32)),
        _row("processors for decoding", decoding, USED),
        _row("processors for PostgreSQL", postgresql, USED),
        _row("intakes, updates a second", per_s, USED * one.intake_per_s),
        ("written to PostgreSQL's log, MB a second", f"{per_s * one.wal_kb / 1000:.1f}", "", ""),
        ("database after its period, GB", f"{daily * one.days * one.growth_kb / 1e6:.0f}", "", ""),
        ("machines of 8: workers, PostgreSQL", "", "", " + ".join(map(str, machines))),
        ("a month without MiMo, USD", f"{cost:.0f}", "", ""),
        ("notes of a chat in a day", f"{daily / one.chats:.1f}", "", ""),
    ]


def of_mimo(accounts: float) -> tuple[object, ...]:
    return f"{ASR_LIMITS.calls_per_minute}", math.ceil(accounts)


def _row(name: str, needed: float, has: float) -> tuple[object, ...]:
    return name, f"{needed:.1f}", f"{has:.1f}", math.ceil(needed / has)


def count_workers(one: Constants) -> int:
    """Return how many workers take the load: each uses one processor for the program itself."""
    per_s = one.notes_a_minute / 60
    by_processor = per_s * one.program_ms / 1000 / USED
    by_places = per_s * one.service_s / (RESERVED + FOR_ALL)
    return math.ceil(max(by_processor, by_places))


def list_waits(one: Constants) -> list[tuple[object, ...]]:
    """Return how long notes wait for a place, by the number of workers."""
    rows: list[tuple[object, ...]] = [("workers", "mean wait, s", "p95, s")]
    draw, at_s, arrivals = random.Random(15), 0.0, list[Arrival]()
    while at_s < SIMULATED_S:
        at_s += draw.expovariate(one.notes_a_minute / 60)
        person = draw.randrange(int(one.chats))
        took_s = draw.gammavariate(4.0, one.service_s / 4)
        arrivals.append(Arrival(at_s, person, person, took_s))
    least = math.ceil(one.notes_a_minute / 60 * one.service_s / (RESERVED + FOR_ALL))
    for count in sorted({least - 1, least, least + 1, count_workers(one)} - {0}):
        runs = simulate(arrivals, (count * RESERVED, count * FOR_ALL))
        p95_s = quantile([run.wait_s for run in runs], 0.95)
        rows.append((count, f"{mean_wait_s(runs):.2f}", f"{p95_s:.2f}"))
    return rows


def main() -> None:
    given = dict(part.split("=") for part in sys.argv[1:] if "=" in part)
    if plain := [part for part in sys.argv[1:] if "=" not in part]:
        given["notes_a_minute"] = plain[0]
    one = replace(Constants(), **{name: float(value) for name, value in given.items()})
    measured = [field.name for field in fields(one) if field.default == 0.0]
    if missing := [name for name in measured if not getattr(one, name)]:
        sys.exit(f"Missing, as `python -m benchmarks scale` measures them: {', '.join(missing)}")
    show("Constants", [("", ""), *((f.name, getattr(one, f.name)) for f in fields(one))])
    show(f"{one.notes_a_minute:.0f} notes a minute", list_needs(one))
    show("Waiting for a place, simulated", list_waits(one))


if __name__ == "__main__":
    main()
