"""Many machines: PostgreSQL, an intake and workers, beside one process on SQLite.

    python -m benchmarks scale

All on this machine, which the local Telegram and PostgreSQL (fsync on) share: how many notes a
second two workers can add depends on its processors, and the first table says what the processor
time of a note allows. The engine takes no time; decoding is on. Other papers of the same kind are
`python -m benchmarks.scale.simulation` and `python -m benchmarks.scale.plan`.
"""

from __future__ import annotations

from benchmarks.scale import claim, intake
from benchmarks.scale.throughput import ONE, TWO, list_costs, measure
from benchmarks.support.processes import show
from benchmarks.support.rows import Figures, Row

ON_SQLITE = "SQLite"
#: Intake ought to take so many updates a second.
UPDATES = 500.0
#: What a second worker ought to bring, where there are processors for it.
GAIN = 1.8


def compare_workers() -> Figures:
    show("Processor time of a note, and what it allows", list_costs())
    found = measure()
    one, two = found[ONE], found[TWO]
    allowed = two.bound_per_s / one.notes_per_s
    if allowed < GAIN:  # the processors do not allow it
        return Figures(f"{two.notes_per_s:.0f} of {two.bound_per_s:.0f}", one.notes_per_s)
    return Figures(two.notes_per_s, one.notes_per_s)


def compare_costs() -> Figures:
    found = measure()
    own = found[ONE].program_ms + found[ONE].decoding_ms
    return Figures(own, found["run",].all_ms)


def compare_server() -> Figures:
    found = measure()
    return Figures(found[ONE].postgresql_ms, found["run",].all_ms)


def compare_starts(share: float) -> Figures:
    found = measure()
    return Figures(found[ONE].start_ms(share), found["run",].start_ms(share))


ROWS = (
    Row(
        *("notes a second with two workers", "", "one worker", GAIN, compare_workers),
        is_minimum=True,
        is_ratio=True,
    ),
    Row(
        "processor time of a note on PostgreSQL", "ms", ON_SQLITE, 1.3, compare_costs, is_ratio=True
    ),
    Row("PostgreSQL's own, beside", "ms", ON_SQLITE, 0.5, compare_server, is_ratio=True),
    Row("commit to start of a job, p50", "ms", ON_SQLITE, 20, lambda: compare_starts(0.5)),
    Row("commit to start of a job, p95", "ms", ON_SQLITE, 50, lambda: compare_starts(0.95)),
    Row(
        *("updates a second by webhook", "", "getUpdates", UPDATES),
        lambda: Figures(intake.measure_webhook(), intake.measure_polling()),
        is_minimum=True,
    ),
    Row(
        *("updates a second by getUpdates", "", "webhook", UPDATES),
        lambda: Figures(intake.measure_polling(), intake.measure_webhook()),
        is_minimum=True,
    ),
    Row(
        *("claim, a million ended, 10,000 waiting", "ms", "none ended, 100 waiting", 1.2),
        lambda: Figures(*claim.measure()),
        is_ratio=True,
    ),
)
