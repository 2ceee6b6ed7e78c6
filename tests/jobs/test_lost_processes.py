"""Jobs of processes that stop, end or sleep: others run them, and nothing counts twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from core.jobs.runner import MAX_CRASHES
from core.models import JobState, Transcript
from tests.conftest import NewMessage, ask_for_help
from tests.jobs.conftest import freeze, running, wait_until
from tests.support.loopback import Loopback

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("tier", ["postgresql"], indirect=True),
]


async def execute(process: Loopback, statement: str) -> int:
    """Run a statement on the database; return how many rows it has changed."""
    run = process.store._database._writer.run
    changed: int = await run(lambda connection: connection.execute(text(statement)).rowcount)
    return changed


async def test_a_process_that_stops_gives_its_jobs_to_another_at_once(
    processes: list[Loopback], new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    [one, other] = processes
    one.engine.latency_s = 60.0
    async with one.running():
        for number in range(3):
            await one.inbox.accept(new_message(str(number), sender_id=str(number)))
        await wait_until(lambda: len(one.engine.calls) == 3)
        async with other.running():
            await asyncio.sleep(0.3)  # until it listens
            await one.worker.stop(grace_s=0.1)
            await wait_until(lambda: len(other.engine.calls) == 3)
            assert await other.settle() == {JobState.DONE: 3}
    assert len(other.platform.sent) == 3
    assert not await one.store.leases.list_held(), "the data may be moved at once"
    assert await execute(one, "UPDATE jobs SET crashes = 0 WHERE crashes > 0") == 0


@pytest.mark.usefixtures("quick_death")
async def test_a_process_that_slept_writes_and_sends_nothing(
    processes: list[Loopback], new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    [one, other] = processes
    is_awake, transcribe = asyncio.Event(), one.engine.transcribe
    one.engine.text = "late"

    async def transcribe_late(*arguments: Any, **named: Any) -> Transcript:
        one.engine.calls.append(0.0)
        await is_awake.wait()
        return await transcribe(*arguments, **named)

    monkeypatch.setattr(one.engine, "transcribe", transcribe_late)
    async with one.running():
        await one.inbox.accept(new_message())
        await wait_until(lambda: one.engine.calls)
        freeze(one)
        await execute(one, "DELETE FROM paid_calls")  # as others do when it is silent
        async with other.running():
            assert await other.settle() == {JobState.DONE: 1}
            assert one.worker._running, "its own call is not over yet"
            is_awake.set()
            await wait_until(lambda: not one.worker._running)
            await asyncio.sleep(0.2)  # for what it may do wrong
    assert [reply.quote for _, reply in other.platform.sent] == ["call 1"]
    assert await one.store.jobs.counts() == {JobState.DONE: 1}
    assert await execute(one, "UPDATE jobs SET crashes = 0 WHERE crashes = 1") == 1
    left = "DELETE FROM procrastinate_jobs WHERE task_name = 'run_job'"
    assert await execute(one, left) == 0


@pytest.mark.usefixtures("quick_death")
async def test_a_process_that_slept_sends_nothing_in_the_middle_of_a_delivery(
    processes: list[Loopback], new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had the reply, and was about to send it."""
    [one, other] = processes
    is_awake = asyncio.Event()
    deliver = one.platform.deliver

    async def deliver_late(*arguments: object) -> None:
        await is_awake.wait()
        await deliver(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(one.platform, "deliver", deliver_late)
    async with one.running():
        job = await one.inbox.accept(ask_for_help(new_message))
        await wait_until(lambda: one.worker._running)
        freeze(one)
        async with other.running():
            assert job and await other.settle() == {JobState.DONE: 1}
            is_awake.set()
            await wait_until(lambda: not one.worker._running)
    assert len(other.platform.sent) == 1


async def test_an_entry_that_the_queue_gave_and_nobody_has_is_taken_over(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    """As when the connection breaks before the answer comes."""
    [one, other] = processes
    async with one.running():
        await wait_until(lambda: all(worker.worker_id for worker in one.worker._workers))
        worker = one.worker._workers[-1].worker_id
        one.engine.latency_s = 0.0
        await other.store.controls.pause("", is_on=True)
        await wait_until(one.store.controls.paused.is_set)
        await other.inbox.accept(ask_for_help(new_message))
        left = (
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = {} WHERE task_name = '{}'"
        )
        await execute(other, left.format(worker, "run_job"))
        await other.store.controls.pause("", is_on=False)
        assert await other.settle() == {JobState.DONE: 1}
    assert len(one.platform.sent) == 1


async def test_a_job_in_no_queue_is_put_into_one(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    for number in range(3):
        await one.inbox.accept(ask_for_help(new_message, str(number)))
    assert await execute(one, "DELETE FROM procrastinate_jobs") == 3
    found = await asyncio.gather(one.store.shared_jobs.repair(), other.store.shared_jobs.repair())
    assert max(found) == 3
    assert await one.store.shared_jobs.repair() == 0
    async with running(one, other):
        assert await one.settle() == {JobState.DONE: 3}
    assert sorted(one.platform.sent_to) == ["1", "2", "3"]


async def test_a_job_during_which_processes_keep_ending_is_a_dead_letter(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    job = await one.inbox.accept(ask_for_help(new_message))
    assert job
    crashed = f"UPDATE jobs SET state = 'running', crashes = {MAX_CRASHES}"
    await execute(one, crashed)
    async with running(one, other):
        assert await one.settle() == {JobState.DEAD: 1}
        assert not one.platform.sent
        assert await other.store.jobs.retry(job.job_id)
        assert await one.settle() == {JobState.DONE: 1}
    assert len(one.platform.sent) == 1


async def test_a_job_that_always_fails_ends_after_five_attempts_and_tells_the_person_once(
    processes: list[Loopback], new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.operations.retries._jitter", lambda delay_s: 0.05)
    for one in processes:
        one.engine.failures = [ValueError("a bug")] * 5  # type: ignore[list-item]
    async with running(*processes):
        await processes[0].inbox.accept(new_message("poison"))
        for number in range(20):
            await processes[0].inbox.accept(ask_for_help(new_message, str(number)))
        counts = await processes[0].settle()
    assert counts == {JobState.DEAD: 1, JobState.DONE: 20}
    assert sum(len(one.engine.calls) for one in processes) == 5
    assert len(processes[0].platform.sent) == 21
