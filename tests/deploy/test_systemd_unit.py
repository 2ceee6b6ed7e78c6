"""The systemd unit: correct, hardened, and the program runs under its filter."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bots.exit_codes import CONFIG, LOCKED, USAGE
from tests.deploy.conftest import DEPLOY, RunTool
from tests.support.paths import SPEECH

UNIT = DEPLOY / "systemd" / "hearsay@.service"
#: The most that `systemd-analyze security` may say, of 10.
MOST_EXPOSURE = 2.0
#: Becomes a program under the unit's filter of system calls and without memory that can be written
#: and run. argv: the names of allowed system calls, comma-separated, the command.
#: Source: systemd.exec(5), SystemCallFilter= and MemoryDenyWriteExecute=; prctl(2), PR_SET_MDWE.
CONFINE = """
import ctypes, errno, os, sys
import seccomp
rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
for name in sys.argv[1].split(","):
    try:
        rules.add_rule(seccomp.ALLOW, name)
    except RuntimeError:
        pass  # one of another processor
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
assert ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) == 0
rules.load()
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Return a copy of the unit whose program is there."""
    program = Path(sys.executable).with_name("hearsay")
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/hearsay/bin/hearsay", str(program)))
    return path


def test_systemd_finds_no_mistake_in_it(unit: Path, run_tool: RunTool) -> None:
    assert run_tool("systemd-analyze", "verify", unit) == (0, "")
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSec=soon"))
    assert "soon" in run_tool("systemd-analyze", "verify", unit)[1]


def test_it_is_hardened(unit: Path, run_tool: RunTool) -> None:
    threshold = f"--threshold={MOST_EXPOSURE * 10:.0f}"
    arguments = ("security", "--offline=true", "--no-pager", threshold, str(unit))
    code, said = run_tool("systemd-analyze", *arguments)
    print(said.splitlines()[-1])
    assert code == 0, said
    unit.write_text(
        unit.read_text().replace("PrivateDevices=yes", "").replace("CapabilityBound", "#")
    )
    assert run_tool("systemd-analyze", *arguments)[0] != 0


def test_what_an_operator_has_to_correct_is_not_started_again() -> None:
    [codes] = re.findall(r"^RestartPreventExitStatus=(.+)$", UNIT.read_text(), re.MULTILINE)
    assert {int(code) for code in codes.split()} == {USAGE, LOCKED, CONFIG}


def list_calls(run_tool: RunTool, *names: str) -> set[str]:
    """Return the system calls of groups (@…) and names."""
    calls: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            calls.add(name)
            continue
        lines = run_tool("systemd-analyze", "syscall-filter", name)[1].splitlines()[1:]
        inside = [line.strip() for line in lines if line.strip() and "#" not in line]
        calls |= list_calls(run_tool, *inside)
    return calls


@pytest.mark.pocketsphinx
def test_the_program_and_its_workers_run_under_the_filter(
    run_tool: RunTool, tmp_path: Path
) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if not python or subprocess.run([python, "-c", "import seccomp"], check=False).returncode:
        pytest.skip("python3-seccomp is not installed")
    calls = list_calls(run_tool, "@default")
    for names in re.findall(r"^SystemCallFilter=(.+)$", UNIT.read_text(), re.MULTILINE):
        found = list_calls(run_tool, *names.removeprefix("~").split())
        calls = calls - found if names.startswith("~") else calls | found
    command = [python, "-c", CONFINE, ",".join(sorted(calls | {"execve"})), sys.executable]
    environment = {"HEARSAY_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "WEB_PORT": "0"}
    program = [str(Path(sys.executable).with_name("hearsay"))]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*command, *program, *arguments], env=environment, cwd=tmp_path,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    checks = {one["name"]: one for one in json.loads(run("doctor", "--json"))["checks"]}
    assert checks["sound"]["status"] == "ok"
    assert checks["offline"]["status"] == "ok"
    # Root cannot become another user there, and the unit does not run as root.
    assert checks["sandbox"]["status"] == "ok" or checks["sandbox"]["text"].endswith(": user")
    assert run("transcribe", str(SPEECH / "cards-001.wav")) == "ten of clubs\n"
