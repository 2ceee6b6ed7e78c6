"""Jobs that several processes share on PostgreSQL: order, fairness, and what is done once."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

import pytest
from sqlalchemy import text

from core.errors import EngineBusy, PlatformBusy
from core.interfaces import DeliveryLedger
from core.jobs import shared_queue
from core.models import PLACEHOLDER, Job, JobState, Reply
from core.store.database.fencing import FENCE
from tests.conftest import NewMessage, ask_for_help
from tests.jobs.conftest import running, wait_until
from tests.support.loopback import Loopback

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("tier", ["postgresql"], indirect=True),
]


async def test_both_run_jobs_in_the_order_of_each_chat(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    for number in range(40):
        await one.inbox.accept(ask_for_help(new_message, str(number % 8)))
    async with running(one, other):
        assert await one.settle() == {JobState.DONE: 40}
    sent = one.platform.sent_to
    for chat in range(8):
        own = [number for number in map(int, sent) if (number - 1) % 8 == chat]
        assert own == sorted(own)
    assert len(sent) == 40


async def test_a_voice_note_is_transcribed(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    async with other.running():
        await asyncio.sleep(0.3)  # until it listens
        await one.inbox.accept(new_message())
        assert await one.settle() == {JobState.DONE: 1}
    assert other.platform.sent[0][1].quote == "call 1"


async def test_a_job_that_is_known_to_take_longer_lets_later_ones_pass(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    one.engine.latency_s = other.engine.latency_s = 60.0
    async with running(one, other):
        slow = await one.inbox.accept(new_message())
        await one.inbox.accept(ask_for_help(new_message))
        await wait_until(lambda: one.engine.calls or other.engine.calls)
        await asyncio.sleep(0.3)  # until it listens
        assert not one.platform.sent, "it waits for its turn in the chat"
        assert slow and await one.store.jobs.note_delay_shown(slow.job_id)
        await wait_until(lambda: one.platform.sent_to == ["2"])


async def test_a_job_is_tried_again_when_it_is_due(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    busy = EngineBusy("503")
    busy.retry_after_s = 0.5
    for one in processes:
        one.engine.failures = [busy]
    async with running(*processes):
        await processes[0].inbox.accept(new_message())
        assert await processes[0].settle() == {JobState.DONE: 1}
    called = sorted(at for one in processes for at in one.engine.called_at)
    assert len(called) in (2, 3) and (called[1] - called[0]).total_seconds() >= 0.5


async def test_a_pause_holds_in_every_process(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    async with other.running():
        await asyncio.sleep(0.3)  # until it listens
        await one.store.controls.pause("", is_on=True)
        await wait_until(other.store.controls.paused.is_set)
        await one.inbox.accept(ask_for_help(new_message))
        await asyncio.sleep(0.5)  # for what it may do wrong
        assert not other.platform.sent
        await one.store.controls.pause("", is_on=False)
        assert await one.settle() == {JobState.DONE: 1}


async def test_a_job_that_another_process_runs_is_cancelled(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    other.engine.latency_s = 60.0
    message = new_message()

    def choose(job: Job) -> Reply:
        return Reply("cancelled")

    async with other.running():
        await one.inbox.accept(message)
        await wait_until(lambda: other.engine.calls)
        assert len(await one.store.cancellation.cancel(message.chat, choose)) == 1
        assert await one.settle() == {JobState.CANCELLED: 1}
        assert not other.engine.at_once
    assert [reply.text for _, reply in other.platform.sent] == ["cancelled"]


async def test_a_job_that_another_process_runs_begins_anew(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    other.engine.latency_s = 60.0
    message = new_message()
    async with other.running():
        job = await one.inbox.accept(message)
        await wait_until(lambda: other.engine.calls)
        other.engine.latency_s = 0.0
        assert job
        await one.store.restarts.begin_anew({job.job_id: message.chat})
        assert await one.settle() == {JobState.DONE: 1}
    assert [reply.quote for _, reply in other.platform.sent] == ["call 2"]


async def test_a_notice_that_another_process_is_sending_is_not_left_beside_the_reply(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    job = await one.inbox.accept(new_message())
    assert job
    begun = await one.store.shared_jobs.begin(job.job_id, await find_entry(one), 9)
    assert begun.job
    FENCE.set(begun.fence)
    ledger, beside = (each.store.deliveries.target(job).ledger for each in processes)
    sent = asyncio.create_task(send_late(beside), context=Context())
    await asyncio.sleep(0.1)  # until it is recorded as started
    await one.store.jobs.save_reply(job.job_id, Reply("done"), JobState.DONE, ledger)  # type: ignore[arg-type]
    found = await ledger.wait_for(PLACEHOLDER)
    assert found and found.platform_id == "notice" and sent.done()
    late = other.store.deliveries.target(job).ledger
    with pytest.raises(PlatformBusy):
        await asyncio.create_task(late.start(PLACEHOLDER), context=Context())


async def send_late(ledger: DeliveryLedger) -> None:
    """Send a notice that takes a moment."""
    await ledger.start(PLACEHOLDER)
    await asyncio.sleep(0.6)  # the platform is slow
    await ledger.finish(PLACEHOLDER, "notice")


async def find_entry(process: Loopback) -> int:
    """Return the entry of the only job."""
    query = text("SELECT entry FROM jobs")
    run = process.store._database._writer.run
    entry: int = await run(lambda connection: connection.execute(query).scalar_one())
    return entry


async def test_a_flood_delays_somebody_else_by_no_more_than_what_runs_at_once(
    processes: list[Loopback], new_message: NewMessage
) -> None:
    [one, other] = processes
    places = sum(count for queues, count in shared_queue.PLACES if "first" in queues)
    for number in range(300):
        await one.inbox.accept(ask_for_help(new_message, str(number)))
    hers = ask_for_help(new_message, "hers", sender_id="8")
    await one.inbox.accept(hers)
    async with running(one, other):
        await wait_until(lambda: hers.message_id in one.platform.sent_to, 30.0)
        assert one.platform.sent_to.index(hers.message_id) <= 2 * places


async def test_what_is_done_at_intervals_is_done_once(
    processes: list[Loopback], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    for process in processes:
        chores = process.worker._app.tasks
        assert {"digests", "repair", "purge", "probe_models"} <= set(chores)

        async def note(timestamp: int) -> None:
            done.append(timestamp)

        monkeypatch.setattr(chores["digests"], "func", note)
        for (
            name,
            periodic_id,
        ), task in process.worker._app.periodic_registry.periodic_tasks.items():
            if name == "digests":
                second: Any = type(task)(
                    task=task.task, cron="* * * * * *", periodic_id=periodic_id,
                    configure_kwargs=task.configure_kwargs,
                )  # fmt: skip
                process.worker._app.periodic_registry.periodic_tasks[name, periodic_id] = second
    async with running(*processes):
        await asyncio.sleep(2.3)  # its cron has real seconds
    assert 2 <= len(done) == len(set(done))
