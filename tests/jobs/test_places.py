"""Which of a process's workers look for a job: reserved places are used at once, and not before."""

from __future__ import annotations

import asyncio

import pytest

from core.jobs import shared_queue
from core.jobs.queue_runner import QueueRunner
from core.jobs.shared_queue import CHORES_QUEUE, PLACES, add_own_queue, build_app, build_workers
from core.store.work.queue import FIRST_QUEUE, MORE_QUEUE, URGENT_QUEUE
from tests.conftest import NewMessage, ask_for_help
from tests.jobs.conftest import wait_until
from tests.support.loopback import Loopback


async def nothing() -> None:
    """Stands for a job."""


async def test_others_look_only_while_the_general_worker_is_full() -> None:
    workers = build_workers(build_app("", nothing), PLACES)
    chores, urgent, first, general = workers

    def woken(queue: str = "") -> list[int]:
        general.on_add(queue)
        found = [n for n, one in enumerate(workers) if one._new_job_event.is_set()]
        for one in workers:
            one._new_job_event.clear()
        return found

    assert [woken(one) for one in (URGENT_QUEUE, FIRST_QUEUE, MORE_QUEUE, "")] == [[3]] * 4
    assert woken(CHORES_QUEUE) == [0] and chores.concurrency == 1
    general.concurrency = 0
    assert woken(URGENT_QUEUE) == [1, 2] and woken(FIRST_QUEUE) == [2] and not woken(MORE_QUEUE)
    first.concurrency = 0
    assert woken(URGENT_QUEUE) == [1] and not woken(FIRST_QUEUE) and urgent.has_place


def test_a_process_listens_for_the_jobs_that_it_alone_can_run() -> None:
    *_, own, general = add_own_queue(PLACES, "7")
    assert own == (("only 7",), shared_queue.OWN_PLACES)
    assert general == ((URGENT_QUEUE, FIRST_QUEUE, MORE_QUEUE, "only 7"), PLACES[-1][1])
    assert add_own_queue((), "7") == (own,)


@pytest.mark.real_time
@pytest.mark.parametrize("tier", ["postgresql"], indirect=True)
async def test_a_reserved_place_is_taken_as_soon_as_the_last_other_one_is(
    processes: list[Loopback], new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = processes
    one.worker = QueueRunner(one.store, one.assistant, one.inbox.platforms)
    for worker in one.worker._workers:
        worker.fetch_job_polling_interval = 60.0
    one.engine.latency_s = 60.0
    async with one.running():
        await wait_until(lambda: all(worker.worker_id for worker in one.worker._workers))
        await asyncio.sleep(0.3)  # until each has looked once
        general = one.worker._workers[-1]
        general.concurrency = 2
        general._job_semaphore = asyncio.Semaphore(2)
        look, told = general.on_add, list[str]()
        general.on_add = told.append
        for number in range(4):
            await one.inbox.accept(new_message(str(number), sender_id=str(number)))
        await wait_until(lambda: len(told) == 4)
        general.on_add = look
        look(FIRST_QUEUE)
        await wait_until(lambda: len(one.engine.calls) == 4)
        hers = ask_for_help(new_message, "hers", sender_id="8")
        await one.inbox.accept(hers)
        await wait_until(lambda: hers.message_id in one.platform.sent_to)
        one.engine.latency_s = 0.0
        await one.worker.stop(grace_s=0.1)
