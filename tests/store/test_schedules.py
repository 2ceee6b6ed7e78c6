"""Digests come once: across restarts, clocks that jump, and workers that race."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import event

from core.commands import pick_command
from core.models import Chat, Job, JobState
from core.store import Store, make_cipher
from core.store.work.schedules import COMMAND, parse_period
from tests.conftest import NewMessage
from tests.store.conftest import DUE, schedule
from tests.support.clean_start import open_store

CHAT = Chat("test", "1", "-100")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
#: What was sent so shortly before is for the next digest.
ON_ITS_WAY = 5 * SECOND


async def digests(store: Store) -> list[Job]:
    """Return the jobs that were added, the oldest first."""
    found = await store.jobs.recent(set(JobState))
    return [job for job in found if job.command == COMMAND][::-1]


async def test_a_digest_is_a_job_and_the_next_is_planned(store: Store) -> None:
    await store.schedules.add(schedule(thread_id="5"))
    assert await store.schedules.fire_due(DUE - SECOND) == 0
    assert await store.schedules.next_due_at() == DUE
    assert await store.schedules.fire_due(DUE + SECOND) == 1
    assert await store.schedules.fire_due(DUE + SECOND) == 0
    [job] = await digests(store)
    assert (job.message.chat, job.message.thread_id) == (CHAT, "5")
    assert (job.message.language, job.message.sent_at) == ("de", DUE)
    due = parse_period(job.message.text)
    assert (due.since_at, due.until_at) == (DUE - DAY, DUE + SECOND - ON_ITS_WAY)
    assert not due.is_late
    assert await store.schedules.next_due_at() == DUE + DAY
    await store.schedules.fire_due(DUE + DAY + 3 * SECOND)
    due = parse_period((await digests(store))[-1].message.text)
    assert due.since_at == DUE + SECOND - ON_ITS_WAY, "the next begins where the last one ended"
    assert due.until_at == DUE + DAY + 3 * SECOND - ON_ITS_WAY


@pytest.mark.parametrize(
    ("delay", "is_late"), [(timedelta(minutes=5), False), (timedelta(minutes=5, seconds=1), True)]
)
async def test_five_minutes_are_late(store: Store, delay: timedelta, is_late: bool) -> None:
    await store.schedules.add(schedule())
    await store.schedules.fire_due(DUE + delay)
    [job] = await digests(store)
    assert parse_period(job.message.text).is_late is is_late


async def test_of_several_missed_days_one_digest_comes(store: Store) -> None:
    await store.schedules.add(schedule())
    assert await store.schedules.fire_due(DUE + 3.5 * DAY) == 1
    [job] = await digests(store)
    due = parse_period(job.message.text)
    assert due.is_late
    assert (due.since_at, due.until_at) == (DUE - DAY, DUE + 3.5 * DAY - ON_ITS_WAY)
    assert await store.schedules.next_due_at() == DUE + 4 * DAY


async def test_workers_racing_add_one_job(store: Store, tmp_path: Path, database_url: str) -> None:
    others = [Store(database_url, make_cipher(None, tmp_path)) for _ in range(3)]
    for name in "abcde":
        chat = Chat("test", "1", name)
        await store.schedules.add(schedule(name, chat=chat))
    fired = await asyncio.gather(*(s.schedules.fire_due(DUE) for s in [store, *others] * 2))
    assert sum(fired) == 5
    assert len(await digests(store)) == 5
    for other in others:
        await other.close()


async def test_a_clock_that_goes_back_repeats_nothing(store: Store) -> None:
    await store.schedules.add(schedule())
    for moment in (DUE, DUE - timedelta(hours=1), DUE + SECOND, DUE - 2 * DAY, DUE + 2 * SECOND):
        await store.schedules.fire_due(moment)
    assert len(await digests(store)) == 1
    # Nor is a later one lost by it.
    assert await store.schedules.fire_due(DUE + DAY) == 1


async def test_a_clock_that_was_a_year_ahead_does_not_silence_digests(store: Store) -> None:
    await store.schedules.add(schedule())
    assert await store.schedules.fire_due(DUE + 365 * DAY) == 1
    # The right time again: what was due then came already.
    assert await store.schedules.fire_due(DUE - SECOND) == 0
    assert await store.schedules.next_due_at() == DUE
    assert await store.schedules.fire_due(DUE) == 0
    assert await store.schedules.fire_due(DUE + DAY) == 1
    due = parse_period((await digests(store))[-1].message.text)
    assert due.since_at == DUE


async def test_a_gone_chat_gets_no_digest_until_it_is_back(
    store: Store, new_message: NewMessage
) -> None:
    await store.schedules.add(schedule())
    await store.jobs.cancel_chat(CHAT)
    assert await store.schedules.fire_due(DUE) == 0
    assert await store.schedules.next_due_at() is None
    elsewhere = new_message("-200")
    assert await store.intake.add(elsewhere, pick_command)
    assert await store.schedules.next_due_at() is None
    assert await store.intake.add(new_message("-100"), pick_command)
    assert await store.schedules.next_due_at() == DUE
    assert await store.schedules.fire_due(DUE) == 1


async def test_a_new_plan_takes_the_place_of_the_old_one(store: Store) -> None:
    await store.schedules.add(schedule("a"))
    await store.schedules.add(schedule("b", at="10:00", thread_id="9"))
    await store.schedules.add(schedule("c", is_topic=True, thread_id="5"))
    await store.schedules.add(schedule("d", is_topic=True, thread_id="6"))
    await store.schedules.add(schedule("d", is_topic=True, thread_id="6"))
    found = await store.schedules.find(CHAT)
    assert {s.schedule_id for s in found} == {"b", "c", "d"}
    for one in found:
        await store.schedules.remove(one)
    assert await store.schedules.find(CHAT) == []


class Killed(BaseException):
    """The process ends here."""


async def is_killed(store: Store, step: int) -> bool:
    """Fire what is due; the process may end at a step of that."""
    engine, left = store._database._writer.engine, step

    def end(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    names = ("after_cursor_execute", "commit")
    for name in names:
        event.listen(engine, name, end)
    try:
        await store.schedules.fire_due(DUE)
    except Killed:
        pass
    finally:
        for name in names:
            event.remove(engine, name, end)
    return left < 0


async def test_killed_at_any_step_one_digest_comes(tmp_path: Path) -> None:
    for step in count():
        folder = tmp_path / str(step)
        folder.mkdir()
        store = open_store(folder)
        await store.schedules.add(schedule())
        ended = await is_killed(store, step)
        await store.close()
        gc.collect()  # the error kept a cursor, which kept the transaction
        store = open_store(folder)
        await store.schedules.fire_due(DUE + SECOND)
        assert len(await digests(store)) == 1, step
        assert await store.schedules.next_due_at() == DUE + DAY
        await store.close()
        if not ended:
            break
    assert step >= 5
