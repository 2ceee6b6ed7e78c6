from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from core.admission import Decision
from core.commands import pick_command
from core.models import (
    Answer,
    Button,
    Chat,
    ChatSettings,
    JobState,
    Reply,
    TalkSettings,
    Transcript,
    Usage,
)
from core.store import Store
from core.store.database.connections import Work
from core.store.database.tables import jobs
from core.store.operations.slices import SLICE_S
from tests.conftest import NewMessage
from tests.support.clean_start import ask_database
from tests.support.remembered_talk import CHAT, say, talk, texts
from tests.support.virtual_time import BEGAN_AT

NOW = BEGAN_AT
TABLES = (
    *("messages", "jobs", "deliveries", "buttons", "blobs", "blob_pieces"),
    *("transcripts", "answers", "sounds"),
)


def count_rows(folder: Path) -> dict[str, int]:
    return {t: ask_database(folder, f"SELECT count(*) FROM {t}")[0][0] for t in TABLES}


async def answer(store: Store, new_message: NewMessage, state: JobState | None) -> str:
    """Add a job with all that may hang on one; it ends in `state`, None = it stays open."""
    job = await store.intake.add(new_message(), pick_command, b"sound")
    assert job
    reply = Reply("answer", buttons=(Button(".txt", "text_file", "txt key"),))
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    # It is replaced, and its button is kept.
    await store.jobs.save_reply(job.job_id, Reply("failed"), JobState.REFUSED)
    await store.jobs.save_reply(job.job_id, reply, state or JobState.DONE)
    await store.deliveries.target(job).ledger.start(0)
    await store.deliveries.target(job).ledger.finish(0, "55")
    if state:
        await store.jobs.finish(job.job_id, state)
    return job.job_id


async def test_nothing_older_than_its_limit_is_left(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    for state in (JobState.DONE, JobState.REFUSED, JobState.CANCELLED, JobState.DEAD):
        await answer(store, new_message, state)
    first = await store._database.scalar(select(func.min(jobs.c.finished_at)))
    assert first
    cost = Usage("test", "m", 1.0)
    await store.results.save("key", Transcript("heard", usage=cost))
    await store.results.save_answer("key", Answer("answered", usage=cost))
    await store.results.save_audio("key", b"sound", cost, None)
    full = count_rows(tmp_path)
    assert set(full.values()) == {1, 4}
    assert await store.retention.purge(first + timedelta(days=7)) == 0
    assert count_rows(tmp_path) == full
    await store.retention.purge(NOW + timedelta(days=8))
    # That of a dead letter can still be run again.
    assert count_rows(tmp_path) == {**full, "blobs": 1, "blob_pieces": 1}
    assert await store.retention.purge(first + timedelta(days=30)) == 0
    assert count_rows(tmp_path) == {**full, "blobs": 1, "blob_pieces": 1}
    await store.retention.purge(NOW + timedelta(days=31))
    assert set(count_rows(tmp_path).values()) == {0}


async def test_what_a_form_is_about_is_kept_for_a_day(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await store.intake.open_form(new_message(command="ask"))
    assert await store.retention.purge(NOW + timedelta(hours=23)) == 0
    assert count_rows(tmp_path)["messages"] == 1
    assert await store.retention.purge(NOW + timedelta(hours=25)) == 1
    assert count_rows(tmp_path)["messages"] == 0


async def test_open_jobs_keep_all_that_they_need(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    waiting = await answer(store, new_message, None)
    full = count_rows(tmp_path)
    await store.retention.purge(NOW + timedelta(days=400))
    assert count_rows(tmp_path) == full
    job = await store.jobs.find(waiting)
    assert job and await store.recordings.find(job.message.chat, job.message.message_id)


async def test_a_job_that_is_taken_up_again_meanwhile_stays(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await answer(store, new_message, JobState.DONE) for _ in range(2)]
    read = store.retention._database.rows

    async def read_and_redo(query: Any, key: Any = None) -> Any:
        rows = await read(query, key)
        if rows and hasattr(rows[0], "job_id"):
            await store.jobs.redo(jobs[0], Reply("better"))
        return rows

    monkeypatch.setattr(store.retention._database, "rows", read_and_redo)
    await store.retention.purge(NOW + timedelta(days=31))
    assert [await store.jobs.find(job) is not None for job in jobs] == [True, False]
    monkeypatch.undo()
    assert await store.retention.purge(NOW + timedelta(days=31)) == 0
    kept = await store.jobs.find(jobs[0])
    assert kept and kept.reply and kept.reply.text == "better"
    assert (await store.deliveries.parts(jobs[0]))[0].platform_id == "55"


async def test_talk_ends_after_the_days_of_its_chat(store: Store) -> None:
    week, month = CHAT, Chat("test", "1", "-200")
    settings = ChatSettings(talk=TalkSettings(remember_days=30))
    await store.chats.save_settings(month, settings)
    for days in (1, 7, 8, 30, 31):
        moment = NOW - timedelta(days=days)
        for chat in (week, month):
            await talk(store, say(days, f"{days} days", chat=chat, sent_at=moment))
    await store.memory.forget(week, "8")
    assert await store.retention.purge(NOW) == 4
    assert await texts(store, week) == ["7 days", "1 days"]
    assert await texts(store, month) == ["30 days", "8 days", "7 days", "1 days"]


#: Seconds that each deleted row takes -> changes of each transaction: talk, recordings, jobs with
#: all that belongs to them, pieces of the recordings, the codes of links, speech, the marks that
#: two chats are in use.
SLICES = {
    0: [100, 100, 1, 9, 18, 0, *[2] * 4, 1, 0, 9, 2],
    0.4 * SLICE_S: [*[*[3] * 33, 1] * 2, 1, *[3] * 3, *[6] * 3, 0, *[2] * 4, 1, 0, *[3] * 3, 2],
    2 * SLICE_S: [*[1] * 201, *[1] * 9, *[2] * 9, 0, *[2] * 4, 1, 0, *[1] * 9, *[1] * 2],
}


@pytest.mark.sqlite_only
@pytest.mark.parametrize("row_s", SLICES)
async def test_purging_a_lot_keeps_nobody_waiting(
    store: Store, monkeypatch: pytest.MonkeyPatch, new_message: NewMessage, row_s: float
) -> None:
    old = NOW - timedelta(days=40)
    await talk(store, *(say(n, "word", sent_at=old) for n in range(201)))
    for number in range(9):
        job = await store.intake.add(new_message(), pick_command, b"sound")
        assert job
        await store.jobs.finish(job.job_id, JobState.DONE)
        await store.results.save_audio(str(number), b"sound", Usage("test", "m", 1.0), None)
    sizes: list[int] = []
    write = store._database.write

    async def counted(work: Work[Any]) -> Any:
        def measured(connection: Connection) -> Any:
            raw = connection.connection.driver_connection
            assert raw
            before = raw.total_changes
            result = work(connection)
            sizes.append(raw.total_changes - before)
            return result

        return await write(measured)

    monkeypatch.setattr(store._database, "write", counted)
    looks = count()
    slow = SimpleNamespace(monotonic=lambda: next(looks) * row_s)
    monkeypatch.setattr(store._database, "clock", slow)
    assert await store.retention.purge(NOW + timedelta(days=31)) == 201 + 9 + 9 + 9
    assert sizes == SLICES[row_s]


async def test_what_operators_do_is_kept_for_a_year(store: Store) -> None:
    await store.admissions.decide("test:7", "test", "9", Decision.BANNED)
    await store.retention.purge(NOW + timedelta(days=364))
    assert len(await store.audit.recent()) == 1
    await store.retention.purge(NOW + timedelta(days=366))
    assert await store.audit.recent() == []


async def test_nobody_waits_for_an_operator_for_ever(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    """What was held for a month is deleted, with its content."""
    job = await store.intake.add(new_message(is_held=True), pick_command, b"sound")
    assert job and job.state is JobState.HELD
    await store.retention.purge(NOW + timedelta(days=29))
    assert await store.jobs.find(job.job_id)
    await store.retention.purge(NOW + timedelta(days=31))
    assert await store.jobs.find(job.job_id) is None
    assert count_rows(tmp_path)["blobs"] == 0
