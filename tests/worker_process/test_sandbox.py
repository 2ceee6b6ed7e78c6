"""What a worker that was taken over cannot do, and which parts of the sandbox prevent it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import psutil
import pytest

from core.audio import Media
from core.engines.offline.espeak import run_program
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.engines.offline.transcriber import OfflineTranscriber
from core.errors import EngineBusy
from core.models import Utterance
from core.worker_process.launch import command_of
from core.worker_process.pool import WorkerPool
from core.worker_process.sandbox import _DUMPABLE, _prctl
from tests.support.paths import ROOT
from tests.worker_process.conftest import MakePool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

PROGRAM = ROOT / "tests" / "support" / "taken_over.py"
#: Of prctl(2).
_GET_DUMPABLE = 3
PARTS = ("bot", "user", "limits", "privileges", "system calls")
#: Attack -> the parts of which each alone prevents it.
ATTACKS = {
    "read a file": {"user", "limits", "system calls"},
    "write a file": {"limits", "system calls"},
    "read the bot's memory": {"bot", "user", "limits", "system calls"},
    "read the bot's environment": {"bot", "user", "limits", "system calls"},
    "copy the bot's memory": {"bot", "user", "system calls"},
    "trace the bot": {"bot", "user", "system calls"},
    "trace a sibling": {"user", "privileges", "system calls"},
    "steal a descriptor": {"bot", "user", "limits", "system calls"},
    "signal the bot": {"user", "system calls"},
    "signal a sibling": {"user", "system calls"},
    "limit the bot": {"user", "system calls"},
    "read the bot's limit of CPU time": {"user", "system calls"},
    "limit the bot's CPU time": {"user", "system calls"},
    "read a sibling's limit of CPU time": {"user", "system calls"},
    "limit a sibling's CPU time": {"user", "system calls"},
    "watch the bot's CPU time": {"system calls"},
    "watch a sibling's CPU time": {"system calls"},
    "become root": {"user", "system calls"},
    "open a socket": {"limits", "system calls"},
    "make a file in memory": {"limits", "system calls"},
    "share memory": {"system calls"},
    "fork": {"system calls"},
    "start a thread": {"system calls"},
    "start a program": {"system calls"},
    "make machine code": {"system calls"},
    "take 10 GB of memory": {"limits"},
    "fill the disk": {"limits"},
}
#: Some systems deny these to all but root.
TRACING = {"read the bot's memory", "copy the bot's memory", "trace the bot", "trace a sibling"}
_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
IS_TRACING_DENIED = _SCOPE.exists() and _SCOPE.read_text().strip() != "0"
IS_ROOT = os.geteuid() == 0
#: The program runs as root, or as another user; if the tests do not run as root, as theirs.
USERS = pytest.mark.parametrize("user", [0, 12_345] if IS_ROOT else [os.geteuid()])


def start(user: int, *parts: str, kind: str) -> list[str]:
    """Return the command of a program whose worker is taken over at once."""
    options = {"parts": parts, "user": user if user != os.geteuid() else None, "kind": kind}
    return [sys.executable, "-I", str(PROGRAM), json.dumps(options)]


@cache
def take_over(user: int, *parts: str, kind: str = "attacks") -> tuple[int, dict[str, str]]:
    """Return the worker's exit status, and attack -> "done" or how it was denied."""
    with tempfile.TemporaryFile() as disk:
        done = subprocess.run(
            start(user, *parts, kind=kind), stdout=subprocess.PIPE, stderr=disk, check=False
        )
        disk.seek(0)
        trouble = disk.read().strip(b"\0").decode()
    assert not trouble, trouble
    return done.returncode, json.loads(done.stdout or b"{}")


def attempt(attack: str, user: int, *parts: str) -> str:
    return take_over(user, *parts)[1][attack]


@USERS
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_worker_that_is_taken_over_cannot(attack: str, user: int) -> None:
    assert attempt(attack, user, *PARTS) != "done"


@USERS
@pytest.mark.parametrize("attack", ATTACKS)
def test_each_part_of_the_sandbox_prevents_by_itself(attack: str, user: int) -> None:
    """Without any part the attack succeeds, so that the test above can fail."""
    if (user and attack == "become root") or (attack in TRACING and IS_TRACING_DENIED):
        return
    assert attempt(attack, user) == "done"
    prevents = {part for part in PARTS if attempt(attack, user, part) != "done"}
    # Root may look into every process; another user is not left.
    assert prevents == ATTACKS[attack] - ({"user"} if user else {"bot", "privileges"})


@USERS
def test_every_system_call_that_is_not_listed_is_denied(user: int) -> None:
    assert take_over(user, *PARTS, kind="calls") == (0, {})


@USERS
def test_cpu_time_ends_whatever_the_worker_does(user: int) -> None:
    """It ignores the signal of the soft limit, and raises it as far as it can."""
    assert take_over(user, *PARTS, kind="burn") == (-signal.SIGKILL % 256, {})
    without = {*PARTS} - {"limits"}
    assert take_over(user, *without, kind="burn") == (0, {"burn CPU time": "done"})


@pytest.mark.parametrize("is_sealed", [True, False])
def test_a_worker_ends_with_its_parent_even_if_it_does_not_look(is_sealed: bool) -> None:
    parts = {*PARTS} - ({"privileges"} if not is_sealed else set())
    command = start(os.geteuid(), *parts, kind="stay")
    parent = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert parent.stdout
    worker = psutil.Process(json.loads(parent.stdout.readline())["worker"])
    siblings = [child for child in psutil.Process(parent.pid).children() if child != worker]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([worker], timeout=20 if is_sealed else 0.5)
    assert (not alive) is is_sealed
    for process in [*alive, *siblings]:
        if process.is_running():
            process.kill()


def read_status(pool: WorkerPool) -> list[dict[str, str]]:
    """Return what the kernel says of each worker of a pool."""
    found = []
    for worker in pool._workers:
        lines = Path(f"/proc/{worker._process.pid}/status").read_text().splitlines()
        found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    return found


def check_sandboxed(pool: WorkerPool) -> None:
    assert [worker.lacks for worker in pool._workers] == [()]
    [status] = read_status(pool)
    assert (status["Seccomp"], status["NoNewPrivs"], status["Threads"]) == ("2", "1", "1")
    assert int(status["CapEff"], 16) == 0
    users = {int(user) for kind in ("Uid", "Gid") for user in status[kind].split()}
    assert users == {os.geteuid()} if not IS_ROOT else min(users) >= 2_000_000_000
    assert not IS_ROOT or not status["Groups"].strip()


@pytest.mark.real_time
async def test_the_decoder_lives_in_the_sandbox() -> None:
    media = Media(workers=1)
    await media.warm_up()
    check_sandboxed(media._pool)
    await media.close()


@pytest.mark.pocketsphinx
@pytest.mark.real_time
async def test_the_offline_transcriber_lives_in_the_sandbox() -> None:
    engine = OfflineTranscriber()
    await engine._pool.warm_up(1)
    check_sandboxed(engine._pool)
    await engine.close()


@pytest.mark.real_time
async def test_the_library_of_espeak_lives_in_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can read its own data: each script has a dictionary of its own."""
    monkeypatch.setattr("core.engines.offline.espeak.find_program", lambda: None)
    engine = OfflineSynthesizer()
    for text in ("hello", "Привет, hello"):
        assert [pcm async for pcm in engine.synthesize(Utterance(text))]
    check_sandboxed(engine._pool)
    await engine.close()


def test_a_program_is_limited_before_it_gets_any_input() -> None:
    """It tells its own limits: files and memory."""
    tell = "ulimit -f; ulimit -v; read line; echo $line"
    command = command_of(["/bin/bash", "-c", tell], memory_bytes=2**28, cpu_s=30)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
    assert process.stdin and process.stdout
    limits = [process.stdout.readline() for _ in range(2)]
    assert limits == [b"0\n", b"262144\n"]
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0
    assert "0" not in status["Uid"].split()
    assert process.communicate(b"text\n")[0] == b"text\n"


def is_memory_hidden() -> bool:
    return bool(ctypes.CDLL(None).prctl(_GET_DUMPABLE, 0, 0, 0, 0) == 0)


@pytest.fixture
def _show_memory() -> None:
    """Show the memory of this process, as at the start of a program."""
    _prctl(_DUMPABLE, 1)
    assert not is_memory_hidden()


@pytest.mark.usefixtures("_show_memory")
async def test_who_starts_a_worker_hides_its_memory_first(make_pool: MakePool) -> None:
    await make_pool(size=1).warm_up()
    assert is_memory_hidden()


@pytest.mark.usefixtures("_show_memory")
async def test_who_starts_the_program_of_espeak_hides_its_memory() -> None:
    with pytest.raises(EngineBusy):
        await run_program("/no/such/program", b"hello", "en")
    assert is_memory_hidden()
