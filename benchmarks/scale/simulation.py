"""A simulation of the queue of many workers, and the same small case measured.

    python -m benchmarks.scale.simulation

Measured: an intake and one worker with four places on PostgreSQL, an engine that takes 0.8 s, and
notes that arrive at random, as many as keep the places busy for nine tenths of the time. Simulated:
the same arrivals; how long a job takes and how soon it starts is that of notes sent one by one
before. Both must agree within a fifth; the status tells. Everything random has a seed.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

from benchmarks.scale.queue_model import Arrival, Run, mean_wait_s, notes_per_s, simulate
from benchmarks.scale.system import System, run_server, run_system
from benchmarks.support.processes import median, show, wait_for
from benchmarks.support.sides import NOTE_S, make_note

ENGINE_S, PLACES, BUSY = 0.8, 4, 0.9
ALONE, MANY, PEOPLE, SEED = 10, 120, 60, 15
TOLERANCE = 0.2


def send(system: System, user: int, number: int) -> None:
    system.telegram.send_voice(user, make_note(number), NOTE_S)


def count_texts(system: System) -> int:
    sent = system.telegram.do("requests_to", method="sendMessage")
    return sum(one["status"] == 200 for one in sent)


def send_alone(system: System) -> None:
    """Send notes one by one."""
    user = system.telegram.do("add_user")
    for number in range(ALONE):
        known = len(system.telegram.do("replies", chat=user))
        send(system, user, number)
        wait_for(lambda known=known: len(system.telegram.do("replies", chat=user)) > known)  # type: ignore[misc]
        time.sleep(0.2)


def send_many(system: System, rate: float) -> None:
    """Send notes at random moments, `rate` a second."""
    draw = random.Random(SEED)
    users = [system.telegram.do("add_user") for _ in range(PEOPLE)]
    known, due_s = count_texts(system), time.monotonic()
    for number in range(MANY):
        due_s += draw.expovariate(rate)
        time.sleep(max(0.0, due_s - time.monotonic()))
        send(system, users[number % PEOPLE], ALONE + number)
    wait_for(lambda: count_texts(system) >= known + MANY, 120, 0.3)


def measure() -> tuple[list[Run], list[Run]]:
    """Return how the notes ran that were sent one by one, and the many."""
    for number in range(ALONE + MANY):
        make_note(number)  # which takes a while
    options = (str(ENGINE_S), str(PLACES))
    with run_server() as server, run_system(("intake", "worker"), server, options) as system:
        send_alone(system)
        send_many(system, BUSY * PLACES / (ENGINE_S + 0.1))
        system.close()
        moments = system.read_moments()
    committed = moments["committed"]
    runs = [
        Run(at_s, max(at_s, moments["begun"][job]), moments["ended"][job])
        for job, at_s in sorted(committed.items(), key=lambda one: one[1])
        if job in moments["ended"]
    ]
    return runs[:ALONE], runs[ALONE:]


def repeat(alone: Sequence[Run], many: Sequence[Run]) -> list[Run]:
    """Return the many simulated: with their moments of arrival, and what notes alone took."""
    draw, some = random.Random(SEED), alone[2:]  # the first ones start what decodes
    start_s = median([run.wait_s for run in some])
    arrivals = [
        Arrival(run.at_s, number % PEOPLE, number % PEOPLE, draw.choice(some).took_s)
        for number, run in enumerate(many)
    ]
    return simulate(arrivals, (PLACES // 2, PLACES - PLACES // 2), start_s)


def main() -> None:
    alone, many = measure()
    simulated = repeat(alone, many)
    rows: list[tuple[object, ...]] = [("", "measured", "simulated", "ratio")]
    agrees = True
    for name, read in (("mean waiting time, s", mean_wait_s), ("notes a second", notes_per_s)):
        real, model = read(many), read(simulated)
        agrees &= abs(model / real - 1) <= TOLERANCE
        rows.append((name, f"{real:.3f}", f"{model:.3f}", f"{model / real:.2f}"))
    took_s = median([run.took_s for run in many])
    rows.append(("a job alone and among many, s", f"{took_s:.3f}", *_describe(alone, took_s)))
    show(f"{MANY} notes, {PLACES} places, {'agree' if agrees else 'DISAGREE'}", rows)
    sys.exit(not agrees)


def _describe(alone: Sequence[Run], took_s: float) -> tuple[str, str]:
    expected_s = median([run.took_s for run in alone[2:]])
    return f"{expected_s:.3f}", f"{expected_s / took_s:.2f}"


if __name__ == "__main__":
    main()
