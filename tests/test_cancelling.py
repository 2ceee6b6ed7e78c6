"""Cancelling jobs: at each stage, for good, with nothing paid or shown afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from core.clock import Clock
from core.commands.deletion import DELETED
from core.errors import EngineBusy, EngineLocked, MessageGone, PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import (
    Chat,
    DeliveryState,
    Job,
    JobState,
    QuotedMessage,
    Reply,
)
from tests.conftest import NewMessage, ask_for_help
from tests.support.loopback import Loopback

STOPPED = Reply("Cancelled.")


def stop(job: Job) -> Reply:
    return STOPPED


async def find(loopback: Loopback, job: Job | None) -> Job:
    found = await loopback.store.jobs.find(job.job_id) if job else None
    assert found
    return found


@pytest.mark.finding(3)
async def test_a_deletion_interrupts_the_call_under_way_and_nothing_is_published(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.latency_s = 30.0
    note, other = new_message(), new_message()
    async with loopback.running():
        job = await loopback.inbox.accept(note)
        await loopback.inbox.accept(other)
        await clock.sleep(5)
        assert len(loopback.engine.calls) == loopback.engine.at_once == 1
        await loopback.inbox.forget(note.chat, note.message_id)
        await clock.sleep(0.1)
        assert loopback.engine.called_at[-1] == clock.now() - timedelta(seconds=0.1), (
            "the next one of the chat begins at once"
        )
        assert await loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 1}
    # An empty reply is the instruction to leave nothing in the chat.
    assert [(to, reply.quote) for to, reply in loopback.platform.sent] == [
        (note.message_id, ""),
        (other.message_id, "call 2"),
    ]
    assert loopback.platform.sent[0][1] == Reply()
    cancelled = await find(loopback, job)
    assert (cancelled.error, cancelled.attempts) == ("cancelled", 1)


@pytest.mark.finding(3)
async def test_a_deletion_reaches_a_job_that_waits(
    loopback: Loopback, new_message: NewMessage
) -> None:
    """Before it began, and between two attempts. The engine is called for neither."""
    note, tried = new_message(), new_message(chat=Chat("test", "1", "2"))
    await loopback.inbox.accept(note)
    await loopback.inbox.forget(note.chat, note.message_id)
    loopback.engine.failures = [EngineBusy("429", retry_after_s=19)]
    async with loopback.running():
        assert await loopback.settle() == {JobState.CANCELLED: 1}
        assert loopback.engine.calls == []
        job = await loopback.inbox.accept(tried)
        while (await find(loopback, job)).error == "":
            await asyncio.sleep(0.1)
        await loopback.inbox.forget(tried.chat, tried.message_id)
        assert await loopback.settle() == {JobState.CANCELLED: 2}
    assert len(loopback.engine.calls) == 1
    assert [reply for _, reply in loopback.platform.sent] == [Reply(), Reply()]


@pytest.mark.finding(3)
async def test_a_question_about_a_deleted_recording_is_told_so(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    note = new_message()
    loopback.engine.latency_s = 30.0
    quoted = QuotedMessage(note.message_id, "", note.attachment, note.sender_id)
    asks = new_message(attachment=None, command="transcribe", reply_to=quoted)
    talk = replace(quoted, attachment=None, text="only words")
    unrelated = new_message(attachment=None, command="help", reply_to=talk)
    async with loopback.running():
        await loopback.inbox.accept(asks)
        await loopback.inbox.accept(unrelated)
        await clock.sleep(1)
        await loopback.inbox.forget(note.chat, note.message_id)
        assert await loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 1}
    assert loopback.platform.sent[0] == (asks.message_id, Reply(DELETED))


async def test_what_was_sent_before_is_replaced(
    loopback: Loopback, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Cancelled while a long reply is being delivered: the parts sent become the last reply."""
    delivered: list[tuple[DeliveryState | None, Reply]] = []

    async def deliver(target: DeliveryTarget, reply: Reply) -> None:
        known = await target.ledger.find(0)
        delivered.append((known.state if known else None, reply))
        await target.ledger.start(0)
        await target.ledger.finish(0, "sent-1")
        if reply != STOPPED:
            await clock.sleep(60)

    monkeypatch.setattr(loopback.platform, "deliver", deliver)
    async with loopback.running():
        job = await loopback.inbox.accept(new_message())
        while not delivered:
            await clock.sleep(0.1)
        await clock.sleep(1)
        [cancelled] = await loopback.inbox.cancel(new_message().chat, stop)
        assert job and cancelled.job_id == job.job_id
        assert await loopback.inbox.cancel(new_message().chat, stop) == [], "once"
        assert await loopback.settle() == {JobState.CANCELLED: 1}
    assert delivered[1:] == [(DeliveryState.STALE, STOPPED)]


async def test_a_job_stays_cancelled_when_the_process_ends_before_it_was_interrupted(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.latency_s = 30.0
    loopback.store.cancellation.on_cancel = lambda job_ids: None
    await loopback.inbox.accept(new_message())
    async with loopback.running():
        await clock.sleep(1)
        await loopback.inbox.cancel(new_message().chat, stop)
    again = Loopback(loopback.store, loopback.engine)
    async with again.running():
        assert await again.settle() == {JobState.CANCELLED: 1}
    assert [reply for _, reply in again.platform.sent] == [STOPPED]
    assert len(loopback.engine.calls) == 1


async def test_a_job_that_ends_while_it_is_cancelled_is_cancelled(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    """Committed between two steps of a job that nobody interrupts: it notices by itself."""
    loopback.engine.latency_s = 30.0
    loopback.store.cancellation.on_cancel = lambda job_ids: None
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        await clock.sleep(1)
        await loopback.inbox.cancel(new_message().chat, stop)
        with capture_logs() as logs:
            assert await loopback.settle() == {JobState.CANCELLED: 1}
    assert [reply for _, reply in loopback.platform.sent] == [STOPPED]
    assert "JobCancelled" in str(logs)


@pytest.mark.parametrize("error", [MessageGone(), PlatformBusy("timeout")])
async def test_a_cancelled_job_never_becomes_a_dead_letter_that_can_be_retried(
    loopback: Loopback, new_message: NewMessage, error: PlatformBusy
) -> None:
    await loopback.inbox.accept(new_message())
    await loopback.inbox.cancel(new_message().chat, stop)
    loopback.platform.failures = [error] * 3
    async with loopback.running():
        assert await loopback.settle() == {JobState.CANCELLED: 1}
    retried = isinstance(error, PlatformBusy)
    assert [reply for _, reply in loopback.platform.sent] == [STOPPED] * retried


async def test_only_the_jobs_meant_are_cancelled(
    loopback: Loopback, new_message: NewMessage
) -> None:
    mine, theirs = new_message(), new_message(sender_id="someone else")
    elsewhere = new_message(chat=Chat("test", "1", "elsewhere"))
    for message in (mine, theirs, elsewhere):
        await loopback.inbox.accept(message)

    def is_mine(job: Job) -> Reply | None:
        return STOPPED if job.message.sender_id == mine.sender_id else None

    cancelled = await loopback.inbox.cancel(mine.chat, is_mine)
    assert [job.message.message_id for job in cancelled] == [mine.message_id]
    async with loopback.running():
        assert await loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 2}
    again = await loopback.inbox.cancel(mine.chat, stop)
    assert again == [], "what has ended stays as it is"


async def test_a_notice_that_it_takes_longer_does_not_keep_a_job_from_being_cancelled(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.failures = [EngineLocked("402")] * 9
    async with loopback.running():
        job = await loopback.inbox.accept(new_message())
        while not (await find(loopback, job)).is_told:
            await clock.sleep(0.1)
        helped = await loopback.inbox.accept(ask_for_help(new_message))
        await loopback.inbox.cancel(new_message().chat, lambda j: stop(j) if j.is_told else None)
        assert await loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 1}
    assert helped and set(loopback.platform.sent_to) == {"1", helped.message.message_id}


async def test_others_begin_while_a_cancelled_job_still_ends(
    loopback: Loopback, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """A message that is being sent is recorded first, for example."""
    delivered, ended = loopback.platform.deliver, []

    async def deliver(target: DeliveryTarget, reply: Reply) -> None:
        if target.message.chat != new_message().chat or reply == STOPPED:
            return await delivered(target, reply)
        try:
            await clock.sleep(60)
        finally:
            await clock.sleep(4)
            ended.append(clock.monotonic())

    monkeypatch.setattr(loopback.platform, "deliver", deliver)
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        await clock.sleep(1)
        await loopback.inbox.cancel(new_message().chat, stop)
        await clock.sleep(0.1)
        other = await loopback.inbox.accept(new_message(chat=Chat("test", "1", "elsewhere")))
        await clock.sleep(1)
        assert (await find(loopback, other)).state is JobState.DONE and not ended
        assert await loopback.settle() == {JobState.CANCELLED: 1, JobState.DONE: 1}
    assert len(ended) == 1
    assert [reply for _, reply in loopback.platform.sent if reply == STOPPED] == [STOPPED]
