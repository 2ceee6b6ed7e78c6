"""Workers that break the protocol, or whose parent is gone."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from core.clock import Clock
from core.worker_process import WorkerDied, WorkerError, WorkerMissing, WorkerStalled, isolated
from core.worker_process.pool import WorkerPool
from tests.support.paths import ROOT
from tests.worker_process.conftest import WORK, MakePool, run

TOO_LARGE = "frame too large"
#: An error text that is cut.
LONG = b'{"detail": "' + b"x" * 300 + b'"}'


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (isolated.command_of("core.no_such_module"), "did not start: ended with 1"),
        (("/no/such/program",), "cannot start a worker: FileNotFoundError"),
        ((sys.executable, "-c", "import signal; signal.pause()"), "start: silent for 60 s"),
    ],
)
async def test_worker_that_cannot_start_is_retryable(command: tuple[str, ...], text: str) -> None:
    pool = WorkerPool("core.no_such_module", size=1)
    pool._command = command
    for attempt in (run(pool, {}), run(pool, {}), pool.warm_up()):
        with pytest.raises(WorkerMissing, match=text) as caught:
            await attempt
        assert caught.value.is_retryable
    before = {worker.pid for worker in psutil.Process().children()}
    assert before == {worker.pid for worker in psutil.Process().children()}, (
        "the process was killed"
    )


@pytest.mark.parametrize(
    ("code", "error", "text", "after_s"),
    [
        ("send(b'S'); signal.pause()", WorkerStalled, "took no data for 7 s", 7),
        ("send(b'S'); take(); send(b'W', b'[]'); take()", WorkerDied, "invalid frame", 0),
        ("send(b'S'); take(); send(b'W', claimed=2**28)", WorkerDied, TOO_LARGE, 0),
        ("send(b'S'); take(); send(b'W', b' ' * (2**20 + 1)); take()", WorkerDied, TOO_LARGE, 0),
        ("send(b'S'); take(); send(b'W', b'[' * 2**20); take()", WorkerDied, "invalid frame", 0),
        (
            "send(b'S'); take(); send(b'W', data=b'a', claimed=2); take()",
            WorkerStalled,
            "silent",
            7,
        ),
        ("send(b'S'); take(); send(b'W', claimed=2); sys.exit(3)", WorkerDied, "ended with 3", 0),
        ("send(b'S'); sys.exit(4)", WorkerDied, "ended with 4", 0),
        ("send(b'S'); take(); os.close(1); signal.pause()", WorkerDied, "ended with -9", 1),
        ("send(b'S'); take(); os.close(1); take()", WorkerDied, "ended with 1", 0),
        (f"send(b'S'); take(); send(b'F', {LONG!r})", WorkerDied, "failed with " + "x" * 188, 0),
    ],
)
async def test_worker_that_breaks_the_protocol_is_replaced(
    code: str,
    error: type[WorkerError],
    text: str,
    after_s: float,
    clock: Clock,
    make_pool: MakePool,
) -> None:
    pool = make_pool(size=1, code=code)
    await pool.warm_up()
    for _ in range(2):
        began_s = clock.monotonic()
        with pytest.raises(error) as caught:
            await run(pool, {}, bytes(3_000_000), stall_s=7.0)
        assert type(caught.value) is error
        assert str(caught.value) == text or (error, text) == (WorkerStalled, "silent")
        assert clock.monotonic() - began_s == pytest.approx(after_s, abs=0.01)


@pytest.mark.real_time
async def test_worker_that_is_never_silent_and_never_ready_is_replaced(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.worker_process.pool._MOST_STALLS", 2)
    pool = make_pool(size=1, code="send(b'S'); take()\nwhile True: send(b'W')")
    with pytest.raises(WorkerStalled, match=r"^slow$"):
        await run(pool, {}, stall_s=2.0)


_PARENT = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from core.worker_process.pool import WorkerPool
async def main():
    pool = WorkerPool("-", size=2)
    pool._command = (sys.executable, "-I", {work!r})
    await pool.warm_up()
    frames = pool.run({{"do": "echo", "times": 50}}, bytes(1_000_000))
    await anext(frames)
    print(*(worker._process.pid for worker in pool._workers), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_killed_parent_leaves_no_worker() -> None:
    """Idle workers see the end of stdin, a busy one a broken pipe."""
    code = _PARENT.format(folder=str(ROOT), work=WORK)
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd="/")
    assert parent.stdout
    found = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert len(found) == 2
    _, alive = psutil.wait_procs(found, timeout=60)
    assert not alive
