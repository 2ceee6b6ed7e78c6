"""Child processes that die, stall or lie cost their own job only."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import psutil
import pytest

from core.child import ChildDied, ChildMissing, ChildRefused, ChildStalled, Frame
from core.child.pool import ChildPool
from tests.support.paths import ROOT

WORK = str(ROOT / "tests" / "support" / "child_work.py")


class Pool(ChildPool):
    """A pool whose child is a file of the tests."""

    def __init__(self, **options: Any) -> None:
        super().__init__("-", **options)
        self._command = (sys.executable, "-I", WORK, *options.get("arguments", ()))


def children() -> list[psutil.Process]:
    """Return this process's children that run the module of these tests."""
    mine = psutil.Process().children()
    return [child for child in mine if WORK in child.cmdline()]


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(size=2, recycle_after=5)
    yield pool
    await pool.close()


async def run(
    pool: ChildPool, header: dict[str, Any], data: bytes = b"", **more: Any
) -> list[Frame]:
    return [frame async for frame in pool.run(header, data, **more)]


async def gone(pid: int) -> bool:
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_frames_come_back_as_they_went(pool: Pool) -> None:
    data = os.urandom(3_000_000)
    frames = await run(pool, {"do": "echo", "times": 3}, data)
    assert [header["index"] for header, _ in frames] == [0, 1, 2]
    assert all(back == data for _, back in frames)
    assert await run(pool, {"do": "echo", "times": 0}) == []


async def test_child_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:secret")
    pool = Pool(size=1, arguments=("one", "two"))
    [(header, _)] = await run(pool, {"do": "where"})
    await pool.close()
    assert header["cwd"] == "/"
    assert header["argv"] == ["one", "two"]
    assert not "".join(text for name, text in header["environment"].items() if name != "LC_CTYPE")


async def test_stray_print_does_not_break_the_frames(pool: Pool) -> None:
    assert await run(pool, {"do": "print"}) == [({}, b"")]


async def test_children_are_kept_and_recycled(pool: Pool) -> None:
    pids = []
    for _ in range(20):
        [(header, _)] = await run(pool, {"do": "echo"})
        pids.append(header["pid"])
    assert 4 <= len(set(pids)) <= 6
    assert await gone(pids[0])


@pytest.mark.parametrize(
    ("header", "error", "text"),
    [
        ({"do": "die"}, ChildDied, "ended with -9"),
        ({"do": "raise"}, ChildDied, "failed with KeyError"),
        ({"do": "nonsense"}, ChildDied, ""),
        ({"do": "memory"}, ChildRefused, "memory"),
        ({"do": "refuse"}, ChildRefused, "empty: nothing in it"),
        ({"do": "sleep", "s": 30}, ChildStalled, "silent for 0 s"),
    ],
)
async def test_trouble_costs_one_job_only(
    pool: Pool, header: dict[str, Any], error: type[Exception], text: str
) -> None:
    await pool.warm_up()
    neighbour = asyncio.create_task(run(pool, {"do": "sleep", "s": 0.6}, stall_s=10))
    await asyncio.sleep(0.1)
    with pytest.raises(error) as caught:
        await run(pool, header, stall_s=0.3)
    assert text in str(caught.value)
    assert len(await neighbour) == 2
    for _ in range(4):
        assert await run(pool, {"do": "echo"}, b"x", stall_s=5)


async def test_refusal_keeps_the_child_and_memory_does_not() -> None:
    pool = Pool(size=1)
    pids = []
    for trouble in ("refuse", "memory", "refuse"):
        [(header, _)] = await run(pool, {"do": "echo"})
        pids.append(header["pid"])
        with pytest.raises(ChildRefused):
            await run(pool, {"do": trouble})
    await pool.close()
    assert pids[0] == pids[1] != pids[2]


async def test_clock_does_not_run_while_the_caller_works(pool: Pool) -> None:
    count = 0
    async with aclosing(pool.run({"do": "echo", "times": 3}, stall_s=0.3)) as frames:
        async for _ in frames:
            await asyncio.sleep(0.5)
            count += 1
    assert count == 3


async def test_cancelled_consumer_frees_the_slot() -> None:
    pool = Pool(size=1)
    pid = 0

    async def consume() -> None:
        nonlocal pid
        async for header, _ in pool.run({"do": "sleep", "s": 30}):
            pid = header["pid"]

    task = asyncio.create_task(consume())
    while not pid:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(run(pool, {"do": "echo"}), 10)
    assert await gone(pid)
    await pool.close()


async def test_leaving_early_frees_the_slot() -> None:
    pool = Pool(size=1)
    async with aclosing(pool.run({"do": "sleep", "s": 30})) as frames:
        pid = (await anext(frames))[0]["pid"]
    assert await asyncio.wait_for(run(pool, {"do": "echo"}), 10)
    assert await gone(pid)
    await pool.close()


async def test_cancelled_while_waiting_loses_nothing() -> None:
    pool = Pool(size=1)
    busy = asyncio.create_task(run(pool, {"do": "sleep", "s": 0.5}))
    await asyncio.sleep(0.3)
    waiting = [asyncio.create_task(run(pool, {"do": "echo"})) for _ in range(5)]
    await asyncio.sleep(0)
    for task in waiting[:4]:
        task.cancel()
    assert await asyncio.wait_for(waiting[4], 10)
    await busy
    await pool.close()


async def test_close_leaves_no_process() -> None:
    pool = Pool(size=2)
    await pool.warm_up()
    frames = pool.run({"do": "sleep", "s": 30})
    await anext(frames)
    busy = asyncio.create_task(run(pool, {"do": "sleep", "s": 30}))
    waiting = asyncio.create_task(run(pool, {"do": "echo"}))
    await asyncio.sleep(0.2)
    assert len(children()) == 2
    await asyncio.wait_for(pool.close(), 5)
    assert not children()
    with pytest.raises(ChildMissing):
        await busy
    with pytest.raises(ChildMissing):
        await anext(frames)
    with pytest.raises(ChildMissing):
        await asyncio.wait_for(waiting, 5)
    with pytest.raises(ChildMissing):
        await run(pool, {"do": "echo"})


async def test_close_with_undelivered_frames() -> None:
    """A child that is blocked on a full pipe still goes away."""
    pool = Pool(size=1)
    frames = pool.run({"do": "echo", "times": 50}, bytes(1_000_000))
    await anext(frames)
    await asyncio.wait_for(pool.close(), 5)
    assert not children()
    await frames.aclose()


async def test_child_that_cannot_start_is_our_trouble() -> None:
    pool = ChildPool("core.no_such_module", size=1)
    for _ in range(2):
        with pytest.raises(ChildMissing) as caught:
            await run(pool, {})
        assert caught.value.is_retryable
    with pytest.raises(ChildMissing):
        await pool.warm_up()
    await pool.close()


async def test_big_frames_do_not_hold_the_loop(pool: Pool) -> None:
    await pool.warm_up()
    worst_s = 0.0

    async def tick() -> None:
        nonlocal worst_s
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            worst_s = max(worst_s, time.perf_counter() - before)

    ticking = asyncio.create_task(tick())
    [(_, data)] = await run(pool, {"do": "grow", "bytes": 20_000_000})
    await run(pool, {"do": "echo", "times": 0}, data)
    ticking.cancel()
    assert len(data) == 20_000_000
    assert worst_s < 0.25


_PARENT = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from tests.child.test_pool import Pool
async def main():
    pool = Pool(size=2)
    await pool.warm_up()
    frames = pool.run({{"do": "sleep", "s": 2}})
    await anext(frames)
    print(*(child._process.pid for child in pool._children), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_killed_parent_leaves_no_child() -> None:
    """Idle children see the end of stdin, a busy one at the end of its job."""
    code = _PARENT.format(folder=str(ROOT))
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd="/")
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert len(pids) == 2
    for _ in range(300):
        if not any(psutil.pid_exists(pid) for pid in pids):
            break
        await asyncio.sleep(0.02)
    assert not any(psutil.pid_exists(pid) for pid in pids)
