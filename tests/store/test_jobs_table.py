"""The life of a job, as the tables hold it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core.clock import Clock
from core.models import (
    PLACEHOLDER,
    Button,
    Chat,
    ClaimedJobs,
    DeliveryState,
    File,
    JobState,
    PartDelivery,
    Reply,
)
from core.store import Store
from tests.store.conftest import Add, claim, claim_job, row

HOUR = timedelta(hours=1)


async def send(store: Store, job_id: str, part: int, platform_id: str) -> None:
    job = await store.jobs.find(job_id)
    assert job
    ledger = store.deliveries.target(job).ledger
    await ledger.start(part)
    await ledger.finish(part, platform_id)


async def test_one_chat_one_job_at_a_time_in_order(store: Store, add: Add) -> None:
    first, second, other = await add("a"), await add("a"), await add("b")
    assert [await claim(store) for _ in range(3)] == [first.job_id, other.job_id, ""]
    await store.jobs.finish(first.job_id, JobState.DONE)
    job = await claim_job(store)
    assert job == replace(second, state=JobState.RUNNING, attempts=1)


async def test_jobs_run_in_turn_and_none_before_its_time(
    store: Store, add: Add, clock: Clock
) -> None:
    later, sooner, equal = [await add(chat) for chat in "abc"]
    await store.jobs.run_later(later.job_id, clock.now() + 2 * HOUR, "x" * 500)
    for job in (sooner, equal):
        await store.jobs.run_later(job.job_id, clock.now() + HOUR)
    assert (await row(store, later)).error == "x" * 400
    assert await claim(store) == ""
    started_at = clock.now()
    assert await store.jobs.claim(9) == ClaimedJobs([], True, started_at + HOUR)
    await clock.sleep(3600)
    assert await store.jobs.claim(0) == ClaimedJobs([], True, started_at + 2 * HOUR)
    await clock.sleep(3600)
    assert await store.jobs.claim(0) == ClaimedJobs([], True, None), "all of them are due"
    found = [await store.jobs.claim(2) for _ in range(2)]
    claimed = [[job.job_id for job in one.jobs] for one in found]
    assert claimed == [[later.job_id, sooner.job_id], [equal.job_id]]
    assert [one.has_waiting for one in found] == [True, False]


async def test_a_job_that_tries_again_keeps_its_place(store: Store, add: Add, clock: Clock) -> None:
    first, second = await add(), await add()
    await claim_job(store)
    await store.jobs.run_later(first.job_id, clock.now() + HOUR, "EngineBusy")
    assert await claim(store) == ""
    await store.jobs.note_delay_shown(first.job_id)
    assert await claim(store) == second.job_id, "the person knows that the first takes longer"


async def test_a_delayed_job_is_passed_while_it_runs(store: Store, add: Add, clock: Clock) -> None:
    first, second = await add(), await add()
    assert await claim(store) == first.job_id
    assert await claim(store) == "", "in order, as long as nobody was told otherwise"
    await store.jobs.note_delay_shown(first.job_id)
    assert await claim(store) == second.job_id, "what hangs holds up nothing else"


@pytest.mark.parametrize(("is_attempt", "attempts"), [(True, 2), (False, 1)])
async def test_a_try_counts_unless_it_was_no_fault_of_the_job(
    store: Store, add: Add, clock: Clock, is_attempt: bool, attempts: int
) -> None:
    job, other = await add(), await add("b")
    await claim_job(store)
    await store.jobs.run_later(job.job_id, clock.now() - HOUR, "Busy", is_attempt=is_attempt)
    again = await claim_job(store)
    assert again and (again.job_id, again.attempts, again.error) == (job.job_id, attempts, "Busy")
    assert await store.jobs.find(other.job_id) == other


async def test_lost_jobs_run_again_as_the_same_try(store: Store, add: Add, clock: Clock) -> None:
    job, waiting = await add(), await add("b")
    await store.jobs.run_later(waiting.job_id, clock.now() + HOUR)
    for crashes in range(3):
        await store.jobs.run_later(job.job_id, clock.now())
        claimed = await claim_job(store)
        assert claimed and (claimed.job_id, claimed.attempts) == (job.job_id, 1)
        await clock.sleep(1)
        assert await store.jobs.requeue_lost(max_crashes=3) == 1
        lost = await row(store, job)
        assert (lost.run_at, lost.crashes) == (job.created_at, crashes + 1)
    await claim_job(store)
    assert await store.jobs.requeue_lost(max_crashes=3) == 0
    dead = await row(store, job)
    assert (dead.state, dead.error) == (JobState.DEAD, "the process kept ending")
    assert dead.finished_at == clock.now()
    untold = await row(store, waiting)
    assert untold.state == JobState.WAITING and untold.run_at > clock.now()


async def test_a_start_runs_delayed_jobs_at_once(store: Store, add: Add, clock: Clock) -> None:
    told, done, untold = await add("a"), await add("b"), await add("c")
    for job in (told, done, untold):
        await store.jobs.run_later(job.job_id, clock.now() + HOUR)
    for job in (told, done):
        await store.jobs.note_delay_shown(job.job_id)
    await store.jobs.finish(done.job_id, JobState.DONE)
    assert await store.jobs.requeue_lost(max_crashes=3) == 0
    assert [await claim(store) for _ in range(2)] == [told.job_id, ""]


async def test_the_final_state_is_stored(store: Store, add: Add, clock: Clock) -> None:
    job, other = await add(), await add()
    await clock.sleep(5)
    await store.jobs.finish(job.job_id, JobState.REFUSED, "e" * 500)
    ended = await row(store, job)
    assert (ended.state, ended.finished_at) == (JobState.REFUSED, clock.now())
    assert ended.error == "e" * 400
    await store.jobs.finish(job.job_id, JobState.DONE)
    assert (await row(store, job)).error == ""
    assert await store.jobs.find(other.job_id) == other


async def test_a_saved_reply_is_read_back_with_its_buttons(store: Store, add: Add) -> None:
    job, other = await add(), await add()
    files = (File("a.txt", "text/plain", b"\xff\x00"),)
    offers = (Button("Retry", "retry", job.job_id), Button("Mine", "more", is_private=True))
    reply = Reply("text", "quote", files, offers)
    saved = await store.jobs.save_reply(job.job_id, reply, JobState.DEAD)
    kept = await store.jobs.find(job.job_id)
    assert kept and kept.reply == saved and kept.outcome is JobState.DEAD
    assert [replace(button, token="") for button in saved.buttons] == list(offers)
    assert [len(token) for token in {button.token for button in saved.buttons}] == [22, 22]
    assert saved.files == files
    assert await store.jobs.find(other.job_id) == other


async def test_a_dead_letter_runs_again_in_its_place(store: Store, add: Add, clock: Clock) -> None:
    job, other, unseen = await add(), await add("b"), await add("c")
    await store.deliveries.target(unseen).ledger.start(0)
    await store.jobs.finish(unseen.job_id, JobState.DEAD)
    assert await store.jobs.retry(job.job_id) is False
    await store.jobs.note_delay_shown(job.job_id)
    await claim_job(store)
    await store.jobs.requeue_lost(max_crashes=3)
    await claim_job(store)
    await store.jobs.save_reply(job.job_id, Reply("failed"), JobState.DEAD)
    await send(store, job.job_id, 0, "321")
    await send(store, other.job_id, 0, "400")
    for one in (job, other):
        await store.jobs.finish(one.job_id, JobState.DEAD, "EngineBusy")
    await clock.sleep(60)
    assert await store.jobs.retry(job.job_id)
    found = await store.jobs.find(job.job_id)
    assert found == replace(job, run_at=clock.now(), error="EngineBusy")
    assert (await row(store, job)).crashes == 0
    placeholder = PartDelivery(PLACEHOLDER, DeliveryState.SENT, "321")
    assert await store.deliveries.parts(job.job_id) == [placeholder]
    assert await store.jobs.retry(unseen.job_id)
    assert await store.deliveries.parts(unseen.job_id) == [], "nobody saw it: there is none"
    assert (await row(store, other)).state == JobState.DEAD
    sent = await store.deliveries.parts(other.job_id)
    assert sent == [PartDelivery(0, DeliveryState.SENT, "400")]


async def test_of_a_dead_letter_sent_in_part_nothing_is_sent_again(store: Store, add: Add) -> None:
    job = await add()
    await store.jobs.save_reply(job.job_id, Reply("long"), JobState.DONE)
    for part, name in ((0, "321"), (1, "322")):
        await send(store, job.job_id, part, name)
    await store.jobs.finish(job.job_id, JobState.DEAD, "PlatformError")
    assert await store.jobs.retry(job.job_id)
    outdated = [PartDelivery(n, DeliveryState.STALE, f"32{n + 1}") for n in (0, 1)]
    assert await store.deliveries.parts(job.job_id) == outdated


async def test_a_job_whose_chat_is_gone_does_not_wait_for_another_try(
    store: Store, add: Add, clock: Clock
) -> None:
    """A /cancel runs beside the job that finds its chat gone, and fails a moment later."""
    job = await add()
    await claim_job(store)
    await store.jobs.cancel_chat(job.message.chat)
    await store.jobs.run_later(job.job_id, clock.now(), "PlatformBusy: timeout")
    found = await store.jobs.find(job.job_id)
    assert found and (found.state, found.error) == (JobState.CANCELLED, "ChatGone")
    assert await store.jobs.counts() == {"cancelled": 1}


async def test_an_answer_is_replaced_where_it_stands(store: Store, add: Add, clock: Clock) -> None:
    job, other = await add(), await add("b")
    for _ in range(2):
        await claim_job(store)
    await store.jobs.requeue_lost(max_crashes=3)
    for one in (job, other):
        await claim_job(store)
        await store.jobs.note_delay_shown(one.job_id)
        await send(store, one.job_id, PLACEHOLDER, f"id{PLACEHOLDER}")
        await store.jobs.save_reply(one.job_id, Reply("wrong"), JobState.DONE)
        for part in (0, 1):
            await send(store, one.job_id, part, f"id{part}")
        await store.deliveries.target(one).ledger.start(2)
        await store.jobs.finish(one.job_id, JobState.DONE)
    untouched = await row(store, other)
    await clock.sleep(3600)
    offer = Button("More", "more")
    for text in ("right", "better"):
        assert await store.jobs.redo(job.job_id, Reply(text, buttons=(offer,)))
    found = await store.jobs.find(job.job_id)
    assert found and found.reply and found.reply.text == "better" and found.reply.buttons[0].token
    moment = clock.now()
    assert found == replace(job, created_at=moment, run_at=moment, reply=found.reply)
    assert (await row(store, job)).crashes == 0
    parts = await store.deliveries.parts(job.job_id)
    stale = [(0, "stale", "id0"), (1, "stale", "id1")]
    expected = [(PLACEHOLDER, "sent", "id-1"), *stale, (2, "pending", "")]
    assert [(d.part, d.state.value, d.platform_id) for d in parts] == expected
    assert await row(store, other) == untouched
    assert DeliveryState.STALE not in {d.state for d in await store.deliveries.parts(other.job_id)}


async def test_only_answers_that_were_given_are_replaced(store: Store, add: Add) -> None:
    running, dead, silent = [await add(chat) for chat in "abc"]
    await claim_job(store)
    await store.jobs.save_reply(running.job_id, Reply("x"), JobState.DONE)
    await store.jobs.save_reply(dead.job_id, Reply("x"), JobState.DEAD)
    await store.jobs.finish(dead.job_id, JobState.DONE)
    await store.jobs.finish(silent.job_id, JobState.DONE)
    before = [await row(store, job) for job in (running, dead, silent)]
    for job in (running, dead, silent):
        assert await store.jobs.redo(job.job_id, Reply("right")) is False
    assert not await store.jobs.redo("none", Reply("right"))
    assert [await row(store, job) for job in (running, dead, silent)] == before


async def test_lists_hold_the_newest_first_of_a_chat_and_its_states(store: Store, add: Add) -> None:
    here = [await add("a") for _ in range(3)]
    there = await add("b")
    places = Chat("test", "2", "a"), Chat("other", "1", "a")
    elsewhere = [await add(chat=place) for place in places]
    await store.jobs.finish(here[0].job_id, JobState.DONE)
    await store.jobs.finish(there.job_id, JobState.DEAD)
    history = await store.jobs.history(here[0].message.chat)
    assert [job.job_id for job in history] == [job.job_id for job in here[::-1]]
    assert await store.jobs.history(here[0].message.chat, 1) == [here[2]]
    ended = await store.jobs.recent([JobState.DONE, JobState.DEAD])
    assert [job.job_id for job in ended] == [there.job_id, here[0].job_id]
    assert await store.jobs.recent([JobState.WAITING], limit=2) == elsewhere[::-1]
    assert await store.jobs.counts() == {"waiting": 4, "done": 1, "dead": 1}
    assert await store.jobs.find("none") is None
