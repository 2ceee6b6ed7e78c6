"""What metrics tell of the queue and of costs, and what it costs to ask for them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from core import metrics
from core.clock import Clock
from core.models import Amount, JobState, Reply
from core.operations import gauges
from tests.conftest import NewMessage
from tests.support.loopback import Loopback


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_queue_is_told_and_read_seldom_however_often_somebody_asks(
    loopback: Loopback, new_message: NewMessage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, statistics = loopback.inbox, loopback.store.statistics
    read, reads = statistics.queue, list[object]()

    async def count_reads(now: object) -> object:
        reads.append(now)
        return await read(now)  # type: ignore[arg-type]

    monkeypatch.setattr(statistics, "queue", count_reads)
    jobs = [await inbox.accept(new_message(f"chat {number}")) for number in range(3)]
    assert jobs[0] and jobs[1]
    await loopback.store.jobs.save_reply(jobs[0].job_id, Reply("x"), JobState.DONE)
    await loopback.store.jobs.finish(jobs[0].job_id, JobState.DEAD, "EngineBusy: 503")
    later = clock.now() + timedelta(hours=1)
    await loopback.store.jobs.run_later(jobs[1].job_id, later, "EngineBusy", is_attempt=True)
    await clock.sleep(60)
    for _ in range(100):
        await inbox.refresh_metrics()
    assert len(reads) == 1
    assert value("hearsay_dead_letters") == 1
    states = {one: value("hearsay_open_jobs", state=one) for one in ("due", "later", "running")}
    assert states == {"due": 1, "later": 1, "running": 0}
    assert 60 <= value("hearsay_oldest_job_seconds") < 61
    assert value("hearsay_ready", part="database") == 1
    assert value("hearsay_disk_free_bytes") > 0
    await clock.sleep(gauges.FRESH_S)
    await inbox.refresh_metrics()
    assert len(reads) == 2


async def test_whoever_asks_does_not_wait_for_a_database_that_is_away(
    loopback: Loopback, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer = asyncio.Event()

    async def hang() -> str:
        await may_answer.wait()
        return "nothing was saved"

    monkeypatch.setattr(loopback.store.probes, "_try_write", hang)
    began_s = clock.monotonic()
    await asyncio.gather(*(loopback.inbox.refresh_metrics() for _ in range(50)))
    assert clock.monotonic() - began_s == pytest.approx(gauges.WAIT_S)
    await clock.sleep(20)
    await loopback.inbox.refresh_metrics()
    assert value("hearsay_ready", part="database") == 0
    may_answer.set()
    await clock.sleep(1)


async def test_a_message_that_comes_twice_is_counted(
    loopback: Loopback, new_message: NewMessage
) -> None:
    before = value("hearsay_duplicate_messages_total", platform="test")
    for _ in range(3):
        await loopback.inbox.accept(new_message(message_id="7"))
    assert value("hearsay_duplicate_messages_total", platform="test") == before + 2


async def test_costs_are_counted_of_calls_that_fail_as_well(loopback: Loopback) -> None:
    before = value("hearsay_cost_dollars_total")
    async with loopback.budgets.reserve() as reservation:
        with reservation.send(lambda: Amount(0, 0, 0)) as call:
            call.cost = Amount(1000, 2_000_000, 1)
        with pytest.raises(ValueError), reservation.send(lambda: Amount(0, 500_000, 1)):
            raise ValueError
    assert value("hearsay_cost_dollars_total") - before == pytest.approx(2.5)


def test_models_are_told_apart_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MODELS", type(metrics.MODELS)())
    labels = {metrics.MODELS[f"model-{number}"] for number in range(1000)}
    assert len(labels) == metrics.MAX_MODELS + 1 and "other" in labels
    assert metrics.MODELS["model-3"] == "model-3"
    assert max(map(len, labels | {metrics.MODELS["x" * 500]})) <= 60
