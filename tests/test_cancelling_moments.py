"""Jobs that are cancelled at the moment in which they begin, end or notice it by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import pytest

from core.clock import Clock
from core.interfaces import DeliveryTarget
from core.models import ClaimedJobs, DeliveryState, JobState, Message, Reply
from tests.conftest import NewMessage
from tests.support.loopback import Loopback
from tests.test_cancelling import STOPPED, stop


async def test_a_job_is_interrupted_that_was_being_claimed(
    loopback: Loopback, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Its row says that it runs, but it has no task yet."""
    claim = loopback.store.jobs.claim

    async def claim_slowly(*places: int) -> ClaimedJobs:
        found = await claim(*places)
        if found.jobs:
            await clock.sleep(1)
        return found

    monkeypatch.setattr(loopback.store.jobs, "claim", claim_slowly)
    loopback.engine.latency_s = 30.0
    async with loopback.running():
        message: Message = new_message()
        await loopback.inbox.accept(message)
        await clock.sleep(0.5)
        with suppress(TimeoutError):
            await loopback.inbox.forget(message.chat, message.message_id)
        began_at = clock.monotonic()
        assert await loopback.settle() == {JobState.CANCELLED: 1}
        assert clock.monotonic() - began_at < 5
    assert [reply for _, reply in loopback.platform.sent] == [Reply()]


@pytest.mark.finding(22)
async def test_a_job_that_is_interrupted_after_its_end_does_not_end_a_second_time(
    loopback: Loopback, new_message: NewMessage
) -> None:
    await loopback.inbox.accept(new_message())
    [job] = await loopback.inbox.cancel(new_message().chat, stop)
    async with loopback.running():
        assert await loopback.settle() == {JobState.CANCELLED: 1}
        await loopback.store.cancellation.requeue({job.job_id}, {job.job_id})
        loopback.worker.wake()
        assert await loopback.settle() == {JobState.CANCELLED: 1}
    assert [reply for _, reply in loopback.platform.sent] == [STOPPED]
    [part] = await loopback.store.deliveries.parts(job.job_id)
    assert part.state is DeliveryState.SENT


async def test_a_job_that_notices_by_itself_that_it_is_cancelled_says_so_once(
    loopback: Loopback, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Interrupted while it lets itself run again: it has begun again before it is settled."""
    run_later, requeue = loopback.store.jobs.run_later, loopback.store.cancellation.requeue
    deliver, delivered = loopback.platform.deliver, list[Reply]()

    async def run_later_interrupted(job_id: str, *values: Any, **options: Any) -> None:
        loopback.worker.cancel({job_id})
        # What has begun is committed all the same.
        await asyncio.shield(asyncio.ensure_future(run_later(job_id, *values, **options)))

    async def requeue_slowly(*job_ids: Collection[str]) -> None:
        loopback.worker.wake()
        await clock.sleep(1)
        await requeue(*job_ids)

    async def deliver_slowly(target: DeliveryTarget, reply: Reply) -> None:
        delivered.append(reply)
        await clock.sleep(5)
        await deliver(target, reply)

    monkeypatch.setattr(loopback.store.jobs, "run_later", run_later_interrupted)
    monkeypatch.setattr(loopback.store.cancellation, "requeue", requeue_slowly)
    monkeypatch.setattr(loopback.platform, "deliver", deliver_slowly)
    loopback.engine.latency_s = 30.0
    loopback.store.cancellation.on_cancel = lambda job_ids: None
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        await clock.sleep(1)
        await loopback.inbox.cancel(new_message().chat, stop)
        assert await loopback.settle() == {JobState.CANCELLED: 1}
        await clock.sleep(20)
    assert delivered == [STOPPED]
