from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.models import (
    PLACEHOLDER,
    Button,
    Chat,
    ChatSettings,
    DeliveryState,
    File,
    Job,
    JobState,
    Reply,
)
from core.picking import pick_command
from core.store import Store
from tests.conftest import NewMessage


async def add(store: Store, new_message: NewMessage, chat_id: str = "100") -> Job:
    job = await store.intake.add(new_message(chat_id), pick_command)
    assert job
    return job


async def test_one_chat_one_job_at_a_time_in_order(store: Store, new_message: NewMessage) -> None:
    first = await add(store, new_message, "a")
    second = await add(store, new_message, "a")
    other = await add(store, new_message, "b")
    claimed = [await store.jobs.claim() for _ in range(3)]
    assert [job and job.job_id for job in claimed] == [first.job_id, other.job_id, None]
    await store.jobs.finish(first.job_id, JobState.DONE)
    job = await store.jobs.claim()
    assert job and (job.job_id, job.attempts) == (second.job_id, 1)


async def test_a_job_that_waits_for_its_next_try_keeps_its_place(
    store: Store, new_message: NewMessage
) -> None:
    first = await add(store, new_message)
    await add(store, new_message)
    await store.jobs.claim()
    later = datetime.now(UTC) + timedelta(minutes=1)
    await store.jobs.run_later(first.job_id, later, "EngineBusy")
    assert await store.jobs.claim() is None
    assert await store.jobs.next_run_at(datetime.now(UTC)) is not None


async def test_a_job_whose_wait_was_told_lets_others_pass(
    store: Store, new_message: NewMessage
) -> None:
    first, second = await add(store, new_message), await add(store, new_message)
    await store.jobs.claim()
    await store.jobs.mark_told(first.job_id)
    await store.jobs.run_later(first.job_id, datetime.now(UTC) + timedelta(hours=1))
    job = await store.jobs.claim()
    assert job and job.job_id == second.job_id


async def test_lost_jobs_run_again_and_the_try_does_not_count(
    store: Store, new_message: NewMessage
) -> None:
    await add(store, new_message)
    for _ in range(3):
        job = await store.jobs.claim()
        assert job and job.attempts == 1
        assert await store.jobs.requeue_lost(max_crashes=3) == 1
    await store.jobs.claim()
    await store.jobs.requeue_lost(max_crashes=3)
    assert await store.jobs.counts() == {JobState.DEAD: 1}


async def test_a_saved_reply_is_read_back_with_its_buttons(
    store: Store, new_message: NewMessage
) -> None:
    job = await add(store, new_message)
    files = (File("a.txt", "text/plain", b"\xff\x00"),)
    reply = Reply("text", "quote", files, (Button("Retry", "retry", job.job_id),))
    saved = await store.jobs.save_reply(job.job_id, reply, JobState.DEAD)
    found = await store.jobs.find(job.job_id)
    assert found and found.reply == saved and found.outcome is JobState.DEAD
    assert saved.buttons[0].token and saved.files == files


async def test_a_dead_letter_runs_again_in_place_of_its_failure(
    store: Store, new_message: NewMessage
) -> None:
    job = await add(store, new_message)
    assert not await store.jobs.retry(job.job_id)
    await store.jobs.save_reply(job.job_id, Reply("failed"), JobState.DEAD)
    ledger = store.ledger(job.job_id)
    await ledger.start(0)
    await ledger.finish(0, "321")
    await store.jobs.finish(job.job_id, JobState.DEAD, "EngineBusy")
    assert await store.jobs.retry(job.job_id)
    again = await store.jobs.claim()
    assert again and again.reply is None and again.attempts == 1
    assert await ledger.find(0) is None
    placeholder = await ledger.find(PLACEHOLDER)
    assert placeholder and (placeholder.state, placeholder.platform_id) == ("sent", "321")


async def test_the_ledger_knows_what_was_started_and_what_was_sent(
    store: Store, new_message: NewMessage
) -> None:
    ledger = store.ledger((await add(store, new_message)).job_id)
    assert await ledger.find(0) is None
    await ledger.start(0)
    await ledger.start(0)
    started = await ledger.find(0)
    assert started and started.state is DeliveryState.PENDING
    await ledger.finish(0, "5")
    sent = await ledger.find(0)
    assert sent and (sent.state, sent.platform_id) == (DeliveryState.SENT, "5")


async def test_a_chat_that_is_gone_is_left_alone_until_it_speaks(
    store: Store, new_message: NewMessage
) -> None:
    job = await add(store, new_message)
    await store.jobs.cancel_chat(job.message.chat)
    assert await store.jobs.counts() == {JobState.CANCELLED: 1}
    await add(store, new_message)
    assert await store.jobs.claim() is not None


async def test_a_chat_that_moves_takes_settings_and_jobs_along(
    store: Store, new_message: NewMessage
) -> None:
    old, new = Chat("test", "1", "100"), Chat("test", "1", "-100200")
    await store.chats.save_settings(old, ChatSettings("zh", is_auto=True))
    job = await add(store, new_message)
    for _ in range(2):
        await store.chats.move(old, new)
    assert await store.chats.settings(new) == ChatSettings("zh", is_auto=True)
    moved = await store.jobs.claim()
    assert moved and moved.message.chat == new
    assert moved.message.message_id == "", "ids of the old chat mean nothing in the new one"
    same_id = new_message("-100200", message_id=job.message.message_id)
    assert await store.intake.add(same_id, pick_command), "ids begin anew: this is another message"
