"""Jobs that begin anew: what they lose, and what stays."""

from __future__ import annotations

from datetime import timedelta

from core.clock import Clock
from core.models import Answer, Button, Chat, DeliveryState, Job, JobState, Reply, Transcript
from core.requester import Requester, work_for
from core.store import Store
from core.store.database.tables import buttons, jobs
from tests.store.conftest import Add, claim, row
from tests.support.remembered_talk import VOICE, say, talk

HERE = Chat("test", "1", "100")
SAVED = Reply("canary", buttons=(Button("More", "text_file"),))


async def save(store: Store, job: Job, *keys: str) -> None:
    """Let a job pay for a transcript of each key, and for an answer."""
    with work_for(Requester(job_id=job.job_id)):
        for key in keys:
            await store.results.save(key, Transcript(key))
        await store.results.save_answer(f"answer {job.job_id}", Answer("canary"))


async def find(store: Store, job: Job) -> Job:
    found = await store.jobs.find(job.job_id)
    assert found
    return found


async def test_a_job_that_begins_anew_has_no_reply_and_no_results(store: Store, add: Add) -> None:
    job = await add()
    assert await claim(store) == job.job_id
    await save(store, job, "hers")
    # The button of the reply before the last is kept by itself.
    for reply, outcome in ((SAVED, JobState.DONE), (SAVED, JobState.REFUSED)):
        await store.jobs.save_reply(job.job_id, reply, outcome)
    ledger = store.deliveries.target(job).ledger
    for part in (0, 1):
        await ledger.start(part)
    await ledger.finish(0, "sent-1")
    await store.jobs.run_later(job.job_id, job.run_at, "Busy")
    await store.restarts.begin_anew({job.job_id: HERE})
    again = await find(store, job)
    assert (again.reply, again.outcome, again.error) == (None, JobState.DONE, "")
    assert again.state is JobState.WAITING and again.attempts == 1
    parts = await store.deliveries.parts(job.job_id)
    assert [part.state for part in parts] == [DeliveryState.STALE, DeliveryState.PENDING]
    assert not await store._database.rows(buttons.select())
    assert await store.results.find("hers") is None
    assert await store.results.find_answer(f"answer {job.job_id}") is None


async def test_what_others_and_the_history_have_stays(store: Store, add: Add) -> None:
    job, other = await add(), await add()
    await save(store, job, "of both", "remembered", "of nobody")
    await save(store, other, "of both")
    await talk(store, say(1, chat=HERE, attachment=VOICE))
    await store.memory.save_transcript(HERE, "1", Transcript("x"), "remembered")
    await store.restarts.begin_anew({job.job_id: HERE})
    found = [await store.results.find(key) for key in ("of both", "remembered", "of nobody")]
    assert [one and one.text for one in found] == ["of both", "remembered", None]
    assert await store.results.find_answer(f"answer {other.job_id}")


async def test_one_that_ran_waits_now_and_one_that_waits_goes_on_waiting(
    store: Store, add: Add, clock: Clock
) -> None:
    runs, waits = await add("100"), await add("200")
    later = clock.now() + timedelta(hours=1)
    await store.jobs.run_later(waits.job_id, later, is_attempt=False)
    assert await claim(store) == runs.job_id
    await clock.sleep(60)
    await store.restarts.begin_anew({runs.job_id: HERE, waits.job_id: HERE})
    again = [await find(store, job) for job in (runs, waits)]
    assert [(job.state, job.run_at) for job in again] == [
        (JobState.WAITING, clock.now()), (JobState.WAITING, later),
    ]  # fmt: skip


async def test_what_was_cancelled_meanwhile_ends_with_its_last_reply(
    store: Store, add: Add
) -> None:
    job = await add()
    assert await claim(store) == job.job_id
    await store.cancellation.cancel(HERE, lambda job: Reply("Cancelled."))
    await store.restarts.begin_anew({job.job_id: HERE})
    again = await find(store, job)
    assert (again.state, again.outcome) == (JobState.WAITING, JobState.CANCELLED)
    assert again.reply == Reply("Cancelled.")


async def test_only_open_jobs_begin_anew(store: Store, add: Add, clock: Clock) -> None:
    ended, held, cancelled, waits = [await add() for _ in range(4)]
    began_at = clock.now()
    await store.jobs.save_reply(ended.job_id, SAVED, JobState.DONE)
    await store.jobs.finish(ended.job_id, JobState.DONE)
    held_now = {"state": JobState.HELD}
    await store._database.write(lambda one: one.execute(
        jobs.update().where(jobs.c.job_id == held.job_id).values(held_now)
    ))  # fmt: skip
    stop = {cancelled.job_id: Reply()}
    await store.cancellation.cancel(HERE, lambda job: stop.get(job.job_id))
    assert [job.job_id for job in await store.restarts.list_open()] == [waits.job_id]
    assert [job.job_id for job in await store.restarts.list_ended(began_at)] == [ended.job_id]
    assert await store.restarts.list_ended(began_at + timedelta(seconds=1)) == []
    await store.restarts.begin_anew({ended.job_id: HERE})
    assert (await row(store, ended)).state == JobState.DONE
    assert (await find(store, ended)).reply is not None
