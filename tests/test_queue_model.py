"""The model of the queue, where one can say what must come out."""

from __future__ import annotations

import random

import pytest

from benchmarks.scale.queue_model import Arrival, Run, mean_wait_s, notes_per_s, simulate


def begin_s(arrivals: list[Arrival], places: tuple[int, int]) -> list[float]:
    return [run.began_s for run in simulate(arrivals, places)]


def test_jobs_of_one_chat_run_one_after_the_other() -> None:
    arrivals = [Arrival(0.0, 1, 1, 2.0), Arrival(0.0, 2, 1, 2.0), Arrival(0.0, 3, 3, 2.0)]
    assert begin_s(arrivals, (0, 4)) == [0.0, 2.0, 0.0]


def test_reserved_places_are_for_people_with_few_open_jobs() -> None:
    of_one = [Arrival(0.0, 1, chat, 10.0) for chat in range(8)]
    arrivals = [*of_one, Arrival(1.0, 2, 99, 1.0)]
    # Four of one person run in reserved places or not, the other four only where all may.
    assert begin_s(arrivals, (5, 2))[-1] == 1.0
    assert begin_s(arrivals, (0, 7))[-1] == 10.0


def test_people_take_turns() -> None:
    many = [Arrival(float(number) / 100, 1, number, 1.0) for number in range(4)]
    arrivals = [*many, Arrival(0.5, 2, 99, 1.0)]
    # The other person's note passes those that the first one has waiting.
    assert begin_s(arrivals, (0, 1)) == [0.0, 2.0, 3.0, 4.0, 1.0]


def test_one_place_waits_as_theory_says() -> None:
    """Pollaczek and Khinchine: at half the load and equal lengths, half a length."""
    draw, at_s, arrivals = random.Random(15), 0.0, []
    for number in range(40_000):
        at_s += draw.expovariate(0.5)
        arrivals.append(Arrival(at_s, number, number, 1.0))
    runs = simulate(arrivals, (0, 1))
    assert mean_wait_s(runs) == pytest.approx(0.5, rel=0.05)
    assert notes_per_s(runs) == pytest.approx(0.5, rel=0.05)


def test_a_job_begins_so_late_even_where_a_place_is_free() -> None:
    assert simulate([Arrival(1.0, 1, 1, 2.0)], (0, 1), 0.25) == [Run(1.0, 1.25, 3.25)]
