"""What the operator sees of the work, and that nobody's words are in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from core.clock import Clock
from core.commands import pick_command
from core.models import (
    OPEN_STATES,
    JobState,
    JobSummary,
    Reply,
    Transcript,
    Usage,
    WaitTimes,
    measure_wait_times,
)
from core.store import Store, migrate
from core.store.database.tables import jobs
from tests.conftest import NewMessage
from tests.store.conftest import claim_job
from tests.support.clean_start import ask_database
from tests.support.virtual_time import current_clock

MARKER = "canary-of-content"
HOUR = datetime(2026, 3, 1, 14, tzinfo=UTC)


async def add(store: Store, new_message: NewMessage, **changes: object) -> str:
    message = new_message(sender_name=MARKER, text=MARKER, **changes)
    job = await store.intake.add(message, pick_command, b"sound")
    assert job
    return job.job_id


async def change(store: Store, job_id: str, **values: object) -> None:
    change = update(jobs).where(jobs.c.job_id == job_id).values(**values)
    await store._database.write(lambda one: one.execute(change))


async def test_queue_tells_what_waits_and_since_when(store: Store, new_message: NewMessage) -> None:
    now = current_clock().now()
    empty = await store.statistics.queue(now)
    assert (empty.due, empty.later, empty.running, empty.dead) == (0, 0, 0, 0)
    assert empty.oldest_at is None
    ids = [await add(store, new_message, chat_id=str(n)) for n in range(6)]
    old = now - timedelta(minutes=7)
    await change(store, ids[0], created_at=old, run_at=old)
    await change(store, ids[1], created_at=old - timedelta(1), run_at=now + timedelta(minutes=1))
    claimed = await claim_job(store)
    assert claimed and claimed.job_id == ids[0]
    await store.jobs.finish(ids[2], JobState.DEAD, "EngineBusy")
    await store.jobs.finish(ids[3], JobState.DONE)
    queue = await store.statistics.queue(current_clock().now())
    assert (queue.due, queue.later, queue.running, queue.dead) == (2, 1, 1, 1)
    assert queue.oldest_at == old, "what waits for its moment keeps nobody waiting"


async def test_steps_tell_how_far_a_job_has_come(store: Store, new_message: NewMessage) -> None:
    job_id = await add(store, new_message)
    await claim_job(store)
    first = await store.statistics.job_details(job_id)
    assert first and first.summary.state is JobState.RUNNING
    assert (first.summary.attempts, first.summary.has_sound, first.summary.has_reply) == (
        1,
        True,
        False,
    )
    assert (first.has_transcript, first.pieces, first.deliveries) == (False, 0, ())
    for piece in ("a", "b"):
        await store.results.save(piece, Transcript(MARKER), whole="whole")
    await store.results.save("whole", Transcript(MARKER))
    await store.jobs.save_reply(job_id, Reply(MARKER, heard_key="whole"), JobState.DONE)
    job = await store.jobs.find(job_id)
    assert job
    ledger = store.deliveries.target(job).ledger
    await ledger.start(0)
    await ledger.finish(0, "77")
    await ledger.start(1)
    steps = await store.statistics.job_details(job_id)
    assert steps and steps.summary.has_reply
    assert (steps.has_transcript, steps.pieces) == (True, 2)
    parts = [(0, "sent"), (1, "pending")]
    assert [(d.part, d.state.value) for d in steps.deliveries] == parts
    job_summaries = await store.statistics.job_summaries([JobState.RUNNING], 10)
    assert job_summaries == [steps.summary]
    job = await store.jobs.find(job_id)
    assert job
    moments = (job.created_at, job.run_at, None)
    assert steps.summary == JobSummary(
        job_id, "transcribe", "test", "100", JobState.RUNNING, 1, 0, *moments,
        error="", is_told=False, has_sound=True, has_reply=True, outcome=JobState.DONE,
    )  # fmt: skip
    assert MARKER not in repr((steps, job_summaries))


async def test_the_newest_are_traced(store: Store, new_message: NewMessage) -> None:
    ids = [await add(store, new_message) for _ in range(2)]
    waiting = await store.statistics.job_summaries(OPEN_STATES, 1)
    assert [trace.job_id for trace in waiting] == ids[1:]
    assert await store.statistics.job_details("nothing") is None


async def test_hours_count_what_ended_and_its_length(store: Store, new_message: NewMessage) -> None:
    ends = [(JobState.DONE, 1.0), (JobState.DONE, 3.0), (JobState.REFUSED, 2.0)]
    ends.append((JobState.DEAD, 900.0))
    await add(store, new_message)  # an open one has no end
    for minute, (state, wait_s) in enumerate(ends):
        ended_at = HOUR + timedelta(minutes=minute)
        created_at = ended_at - timedelta(seconds=wait_s)
        values = {"state": state, "created_at": created_at, "finished_at": ended_at}
        await change(store, await add(store, new_message), **values)
    at = HOUR + timedelta(minutes=30)
    hours = await store.statistics.hours(at)
    past = [HOUR - timedelta(hours=n) for n in range(23, -1, -1)]
    assert [hour.start_at for hour in hours] == past
    assert hours[-1].ended == {JobState.DONE: 2, JobState.REFUSED: 1, JobState.DEAD: 1}
    assert list(hours[-1].waits_s) == [1.0, 2.0, 3.0], "the dead were not answered"
    assert measure_wait_times(hours) == WaitTimes(3, 2.0, 3.0)
    assert (hours[-2].ended, measure_wait_times([hours[-2]])) == ({}, WaitTimes(0))
    # The present hour is counted anew, also when it is over.
    late = HOUR + timedelta(minutes=59)
    values = {"state": JobState.DONE, "created_at": late, "finished_at": late}
    await change(store, await add(store, new_message), **values)
    for later in (late, HOUR + timedelta(hours=3), HOUR + timedelta(hours=3, minutes=1)):
        found = {hour.start_at: hour for hour in await store.statistics.hours(later)}
        assert found[HOUR].ended[JobState.DONE] == 3
    assert len(await store.statistics.hours(HOUR + timedelta(days=9))) == 24
    assert len(store.statistics._hours) <= 24


async def test_what_was_spent_is_summed_up_by_model(store: Store, clock: Clock) -> None:
    began = clock.now()
    for number in range(3):
        cost = Usage("mimo", "asr", audio_s=2.0, prompt_tokens=10, completion_tokens=5)
        await store.results.save(str(number), Transcript("x", usage=cost))
    await store.results.save("other", Transcript("x", usage=Usage("offline", "gist", audio_s=1.0)))
    spent = await store.statistics.engine_usage(began)
    sums = [("mimo", "asr", 3, 6.0), ("offline", "gist", 1, 1.0)]
    assert [(s.engine, s.model, s.calls, s.audio_s) for s in spent] == sums
    assert (spent[0].prompt_tokens, spent[0].completion_tokens) == (30, 15)
    assert await store.statistics.engine_usage(clock.now() + timedelta(1)) == []


async def test_calls_of_before_the_sums_are_summed_up_by_hour(store: Store, tmp_path: Path) -> None:
    home = tmp_path / "old"
    home.mkdir()
    url = f"sqlite:///{home / 'hearsay.db'}"
    await migrate(url, None, "0010")
    columns = "created_at, engine, model, audio_s, prompt_tokens, completion_tokens"
    for minute in ("13:59:59.999999", "14:00:00.000000", "14:30:00.000000"):
        values = f"2026-03-01 {minute}", "mimo", "asr", 2.0, 3, 4
        insert = f"INSERT INTO usage ({columns}) VALUES (?, ?, ?, ?, ?, ?)"
        ask_database(home, insert, *values)
    await migrate(url, store._database.cipher)
    grown = Store(url, store._database.cipher)
    await grown.results.save("k", Transcript("x", usage=Usage("mimo", "asr", 1.0, 1)))
    for since, calls, audio_s in ((HOUR, 3, 5.0), (HOUR - timedelta(minutes=1), 4, 7.0)):
        [spent] = await grown.statistics.engine_usage(since)
        assert (spent.calls, spent.audio_s) == (calls, audio_s)
    await grown.close()
