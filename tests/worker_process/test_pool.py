"""Worker processes that die or stall fail their own request only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

import psutil
import pytest
import pytest_asyncio
import structlog

from core.worker_process import WorkerDied, WorkerError, WorkerMissing, WorkerRefused, WorkerStalled
from tests.worker_process.conftest import WORK, MakePool, Pool, run


def workers() -> list[psutil.Process]:
    """Return the workers of the test's own pools."""
    mine = {worker: worker.cmdline() for worker in psutil.Process().children()}
    return [worker for worker, line in mine.items() if WORK in line and "shared" not in line]


@pytest.fixture(autouse=True)
def _no_zombies() -> None:
    """Processes that earlier tests left: Python 3.12 and later reap only while their loop runs."""
    for child in psutil.Process().children():
        if child.status() == psutil.STATUS_ZOMBIE:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Pool]:
    pool = Pool("shared", size=2)
    yield pool
    await pool.close()


async def ask_pid(pool: Pool) -> int:
    [(header, _)] = await run(pool, {"do": "echo"})
    return int(header["pid"])


@pytest.mark.asyncio(loop_scope="module")
async def test_frames_arrive_unchanged(shared: Pool) -> None:
    data = os.urandom(3_000_000)
    frames = await run(shared, {"do": "echo", "times": 3}, data)
    assert [header["index"] for header, _ in frames] == [0, 1, 2]
    assert all(back == data for _, back in frames)
    assert await run(shared, {"do": "echo", "times": 0}) == []
    assert await run(shared, {"do": "print"}) == [({}, b"")], "a print is no frame"


async def test_what_the_sandbox_lacks_is_logged_once(make_pool: MakePool) -> None:
    code = """send(b'S', b'{"lacks": ["folder", "system calls"]}'); take(); send(b'E')"""
    pool = make_pool(code=code, size=1, recycle_after=1)
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            await run(pool, {})
        await pool.warm_up()
    [told] = [one for one in logged if one["log_level"] == "warning"]
    assert told["parts"] == ("folder", "system calls") and told["worker"].endswith(code)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("header", "error", "text"),
    [
        ({"do": "die"}, WorkerDied, "ended with -9"),
        ({"do": "raise"}, WorkerDied, "failed with KeyError"),
        ({"do": "nonsense"}, WorkerDied, "frame too large"),
        ({"do": "memory"}, WorkerRefused, "memory"),
        ({"do": "refuse"}, WorkerRefused, "empty: it is empty"),
        ({"do": "hang"}, WorkerStalled, "silent for 5 s"),
    ],
)
async def test_failure_affects_one_request_only(
    shared: Pool, header: dict[str, Any], error: type[WorkerError], text: str
) -> None:
    async with aclosing(shared.run({"do": "echo", "times": 3})) as neighbour:
        await anext(neighbour)
        with pytest.raises(error) as caught:
            await run(shared, header, stall_s=5.0)
        assert str(caught.value) == text and not caught.value.is_retryable
        assert len([frame async for frame in neighbour]) == 2
    for _ in range(2):
        assert await run(shared, {"do": "echo"}, b"x")


@pytest.mark.asyncio(loop_scope="module")
async def test_clock_runs_for_the_worker_alone(shared: Pool) -> None:
    """Twenty seconds for each frame; the caller's own time does not count."""
    clock = asyncio.get_running_loop()
    async with aclosing(shared.run({"do": "echo", "times": 3})) as frames:
        for _ in range(3):
            await anext(frames)
            await asyncio.sleep(3600)
    began_s = clock.time()
    with pytest.raises(WorkerStalled, match="silent for 20 s"):
        await run(shared, {"do": "hang"})
    assert clock.time() - began_s == pytest.approx(20)


async def test_worker_has_no_secrets(monkeypatch: pytest.MonkeyPatch, make_pool: MakePool) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:secret")
    pool = make_pool("one", "two", size=1)
    [(header, _)] = await run(pool, {"do": "where"})
    assert header["cwd"] == "/"
    assert header["argv"] == ["one", "two"]
    assert header["session"] == header["pid"], "a signal to our group does not reach it"
    assert not "".join(text for name, text in header["environment"].items() if name != "LC_CTYPE")


async def test_workers_are_kept_and_recycled(make_pool: MakePool) -> None:
    """One request at a time needs one worker."""
    pool = make_pool(size=2, recycle_after=3)
    pids = [await ask_pid(pool) for _ in range(7)]
    first, second, third = pids[0], pids[3], pids[6]
    assert pids == [first] * 3 + [second] * 3 + [third]
    assert len({first, second, third}) == 3
    assert [worker.pid for worker in workers()] == [third]
    assert len(pool._workers) == 1, "the replaced worker is forgotten"
    assert not psutil.pid_exists(first)
    assert make_pool(size=1)._recycle_after == 200, "the default"


async def test_workers_are_started_as_asked(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    started = []
    for count in (1, 1, None, 5):
        await pool.warm_up(count)
        started.append(workers())
    assert [*map(len, started)] == [1, 1, 2, 2]
    assert started[0] == started[1]


async def test_a_worker_starts_when_a_request_is_expected(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    for _ in range(2):
        pool.expect()
    pid = await ask_pid(pool)
    pool.expect()
    assert [worker.pid for worker in workers()] == [pid]
    await pool.close()
    pool.expect()
    assert workers() == []


async def test_no_worker_is_kept_without_requests(make_pool: MakePool) -> None:
    pool = make_pool(size=2, idle_s=60.0)
    async with aclosing(pool.run({"do": "echo", "times": 2})) as frames:
        busy, _ = await anext(frames)
        idle = await ask_pid(pool)
        assert {worker.pid for worker in workers()} == {busy["pid"], idle}
        await asyncio.sleep(61)
        assert [worker.pid for worker in workers()] == [busy["pid"]]
        assert len([frame async for frame in frames]) == 1
    assert await ask_pid(pool) == busy["pid"]
    await asyncio.sleep(61)
    assert workers() == [] and not pool._workers
    pool.expect()
    await asyncio.sleep(61)
    assert workers() == [], "the request did not come"
    assert await ask_pid(pool)


async def test_refusal_keeps_the_worker_and_memory_does_not(make_pool: MakePool) -> None:
    pool, pids = make_pool(size=1), []
    for trouble, expected in (("refuse", ("empty", "it is empty")), ("memory", ("memory", ""))):
        pids.append(await ask_pid(pool))
        with pytest.raises(WorkerRefused) as caught:
            await run(pool, {"do": trouble})
        assert (caught.value.kind, caught.value.detail) == expected
    assert pids[0] == pids[1] != await ask_pid(pool)


async def test_a_worker_that_has_used_half_of_its_cpu_time_is_replaced(
    make_pool: MakePool,
) -> None:
    pool = make_pool(size=1)
    pids = [await ask_pid(pool) for _ in range(2)]
    await run(pool, {"do": "wear"})
    pids.append(await ask_pid(pool))
    assert pids[0] == pids[1] != pids[2]


async def test_consumer_that_leaves_frees_the_slot(make_pool: MakePool) -> None:
    pool, pids = make_pool(size=1), []

    async def consume() -> None:
        async for header, _ in pool.run({"do": "hang"}, stall_s=3600):
            pids.append(header["pid"])

    task = asyncio.create_task(consume())
    while not pids:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with aclosing(pool.run({"do": "hang"})) as frames:
        pids.append((await anext(frames))[0]["pid"])
    pids.append(await ask_pid(pool))
    assert len(set(pids)) == 3
    assert not any(map(psutil.pid_exists, pids[:2]))


async def test_cancelled_while_a_worker_starts_loses_nothing(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    task = asyncio.create_task(run(pool, {"do": "echo"}))
    while not workers():
        await asyncio.sleep(0)
    [started] = workers()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert await ask_pid(pool) == started.pid, "the worker that was starting is used"


async def test_cancelled_while_waiting_loses_nothing(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    async with aclosing(pool.run({"do": "echo", "times": 2})) as frames:
        await anext(frames)
        waiting = [asyncio.create_task(run(pool, {"do": "echo"})) for _ in range(5)]
        await asyncio.sleep(1)
        for task in waiting[:4]:
            task.cancel()
        await anext(frames)
    assert len(await waiting[4]) == 1


async def test_close_leaves_no_process(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    frames = pool.run({"do": "hang"})
    await anext(frames)
    busy = asyncio.create_task(run(pool, {"do": "hang"}, stall_s=3600))
    waiting = asyncio.create_task(run(pool, {"do": "echo"}))
    await asyncio.sleep(60)
    assert len(workers()) == 2
    await pool.close()
    assert not workers()
    for left in (busy, anext(frames), waiting, run(pool, {"do": "echo"})):
        with pytest.raises(WorkerMissing, match=r"the pool (is|was) closed$") as caught:
            await left
        assert caught.value.is_retryable
    assert not workers()


async def test_close_while_a_worker_starts(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    task = asyncio.create_task(run(pool, {"do": "echo"}))
    while not workers():
        await asyncio.sleep(0)
    await pool.close()
    assert not workers()
    await asyncio.gather(task, return_exceptions=True)
    assert not workers()


async def test_close_with_undelivered_frames(make_pool: MakePool) -> None:
    """A worker that is blocked on a full pipe is killed too."""
    pool = make_pool(size=1)
    frames = pool.run({"do": "echo", "times": 50}, bytes(1_000_000))
    await anext(frames)
    await pool.close()
    assert not workers()
    await frames.aclose()


async def _yield(*chunks: bytes) -> AsyncGenerator[bytes, None]:
    for chunk in chunks:
        yield chunk


@pytest.mark.finding(8)
async def test_data_may_come_in_chunks(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    [(_, data)] = await run(pool, {"do": "echo"}, _yield(b"ab", b"", bytes(10**6)), size=10**6 + 2)
    assert data == b"ab" + bytes(10**6)
    for size in (1, 3):  # the source did not keep its word
        with pytest.raises(WorkerDied):
            await run(pool, {"do": "echo"}, _yield(b"ab"), size=size, stall_s=2)
    assert await run(pool, {"do": "echo"}, b"next")
