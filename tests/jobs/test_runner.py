"""The job runner: concurrency, periodic tasks and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from core.clock import Clock
from core.errors import EngineBusy, StoreError
from core.interfaces import DeliveryTarget
from core.jobs.runner import MAX_RUNNING, JobRunner
from core.models import ClaimedJobs, JobState, Reply
from tests.conftest import NewMessage, ask_for_help
from tests.support.loopback import Loopback
from tests.support.thread_media import ThreadMedia


async def test_the_number_of_running_jobs_is_limited(
    loopback: Loopback, new_message: NewMessage, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[float] = []

    async def deliver(target: DeliveryTarget, reply: Reply) -> None:
        began.append(clock.monotonic())
        await clock.sleep(60)

    monkeypatch.setattr(loopback.platform, "deliver", deliver)
    for number in range(MAX_RUNNING + 3):
        await loopback.inbox.accept(ask_for_help(new_message, str(number), sender_id=str(number)))
    async with loopback.running():
        assert await loopback.settle() == {JobState.DONE: MAX_RUNNING + 3}
    assert [s - began[0] for s in began] == [0.0] * 32 + [60.0] * 3


async def test_a_job_of_another_process_is_seen_within_a_minute(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    async with loopback.running():
        await clock.sleep(100)
        await loopback.store.intake.add(ask_for_help(new_message), lambda m, s: m.command)
        await clock.sleep(60.5)
        assert loopback.platform.sent_to == ["1"]


async def test_a_job_is_run_when_it_becomes_due_whatever_waits_before_it(
    loopback: Loopback, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it becomes due while the table is read."""
    claim = loopback.store.jobs.claim

    async def claim_slowly(*limits: Any) -> ClaimedJobs:
        found = await claim(*limits)
        await asyncio.sleep(0 if found.jobs else 1.9)
        return found

    monkeypatch.setattr(loopback.store.jobs, "claim", claim_slowly)
    loopback.engine.failures = [EngineBusy("503")] * 4
    for _ in range(3):
        await loopback.inbox.accept(new_message())
    async with loopback.running():
        assert await loopback.settle() == {JobState.DONE: 3}
    took_s = (loopback.engine.called_at[4] - loopback.engine.called_at[0]).total_seconds()
    assert took_s < 1.2 * 30 + 8 * 1.9 + 1, "none waited for the look that comes by itself"


def fail_thrice(
    call: Callable[..., Awaitable[Any]], error: Exception
) -> Callable[..., Awaitable[Any]]:
    failures = [error] * 3

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        wrapped.done = True  # type: ignore[attr-defined]
        return await call(*args, **kwargs)

    return wrapped


async def test_a_database_that_is_locked_for_a_while_ends_nothing(
    loopback: Loopback, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    store = loopback.store
    for part, name in [
        (store.jobs, "claim"), (store.jobs, "save_reply"), (store.jobs, "run_later"),
        (store.schedules, "fire_due"), (store.retention, "purge"),
    ]:  # fmt: skip
        bug = ValueError("a bug") if name == "fire_due" else StoreError("locked")
        monkeypatch.setattr(part, name, fail_thrice(getattr(part, name), bug))
    loopback.engine.failures = [EngineBusy("503")]
    async with loopback.running():
        await loopback.inbox.accept(new_message())
        await clock.sleep(200)
        assert await store.jobs.counts() == {JobState.DONE: 1}
        assert len(loopback.platform.sent) == 1
        assert store.schedules.fire_due.done  # type: ignore[attr-defined]


async def test_periodic_tasks_run_when_due(
    loopback: Loopback, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, messages that arrived meanwhile come first."""
    started_at, times = clock.now(), dict[str, list[float]]()
    due_at = started_at + timedelta(seconds=32)

    async def note(name: str, now: datetime) -> int:
        assert now == clock.now()
        times.setdefault(name, []).append(round((now - started_at).total_seconds(), 3))
        return 0

    async def next_due_at() -> datetime | None:
        return due_at if due_at > clock.now() else None

    store, platforms = loopback.store, loopback.inbox.platforms
    monkeypatch.setattr(store.retention, "purge", partial(note, "purged"))
    monkeypatch.setattr(store.schedules, "fire_due", partial(note, "fired"))
    monkeypatch.setattr(store.schedules, "next_due_at", next_due_at)
    model_probe: Any = SimpleNamespace(probe_due=partial(note, "probed"))
    task = asyncio.create_task(JobRunner(store, loopback.assistant, platforms, model_probe).run())
    await clock.sleep(3633)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert times["purged"] == [20, 3620] and times["fired"][:4] == [20, 32, 92, 152]
    assert times["probed"] == [600 * n for n in range(1, 7)]
    before = len(times["fired"])
    await clock.sleep(3600)
    assert len(times["fired"]) == before == 62, "it ends with the worker"


async def test_stopping_leaves_the_rest_to_the_next_start(
    loopback: Loopback, new_message: NewMessage, clock: Clock
) -> None:
    loopback.engine.latency_s = 60.0
    worker = asyncio.create_task(loopback.worker.run())
    short, long = new_message("1"), new_message("2", language="zh")
    settings = await loopback.store.chats.settings(long.chat)
    await loopback.store.chats.save_settings(long.chat, replace(settings, language="zh"))
    await loopback.inbox.accept(short)
    await clock.sleep(57)
    await loopback.inbox.accept(long)
    await clock.sleep(1)
    stopping = asyncio.create_task(loopback.worker.stop())
    await clock.sleep(0.5)
    await loopback.inbox.accept(ask_for_help(new_message, "3"))
    await stopping
    assert loopback.platform.sent_to == [short.message_id], "it had 5 s; nothing new was begun"
    counts = await loopback.store.jobs.counts()
    assert counts == {JobState.DONE: 1, JobState.RUNNING: 1, JobState.WAITING: 1}
    await worker
    loopback.engine.latency_s = 0.0
    restarted = Loopback(loopback.store, loopback.engine, ThreadMedia())
    with capture_logs() as logs:
        async with restarted.running():
            assert await restarted.settle() == {JobState.DONE: 3}
    assert len(restarted.platform.sent) == 2
    assert [log["jobs"] for log in logs if "last process run again" in log["event"]] == [1]
