"""Running the `hearsay` command with no environment but the settings of a test.

It is forked from a process that has imported the program; HEARSAY is the installed script.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fork_server import share_fork_server

HEARSAY = Path(sys.executable).with_name("hearsay")
#: Secrets that must never be printed. The first two match patterns of secrets, the third does not.
TOKEN = "123456:AAAcanaryCANARYcanaryCANARYcanary012"
KEY = "sk-canary0123456789canary"
PLAIN_KEY = "canary without any form"
CANARIES = (TOKEN, KEY, PLAIN_KEY, "CANARYcanaryCANARY", "canary0123456789")


@dataclass
class Hearsay:
    """The command, its working folder and its data folder."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> Path:
        return self.home / "hearsay.db"

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "HEARSAY_HOME": str(self.home),
            "WEB_PORT": "0",
            # Warnings appear in stderr.
            "PYTHONWARNINGS": "default",
            **settings,
        }

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the command; check that it prints no secret and no traceback."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            environment = self.environment(settings)
            command = ["hearsay", *arguments]
            fork_server = share_fork_server()
            pid = fork_server.fork(command, environment, folder=self.folder, out=out, err=err)
            code = fork_server.wait(pid, 120)
            texts = out.read_text(), err.read_text()
        done = subprocess.CompletedProcess(command, code, *texts)
        for canary in CANARIES:
            assert canary not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def doctor(self, **settings: str) -> Diagnosis:
        """Run `hearsay doctor --json`."""
        done = self("doctor", "--json", **settings)
        value = json.loads(done.stdout)
        assert value["exit_code"] == done.returncode
        return Diagnosis(done.returncode, {c["name"]: c for c in value["checks"]}, done.stderr)


@dataclass
class Diagnosis:
    """Report of `hearsay doctor`."""

    code: int
    checks: dict[str, dict[str, Any]]
    stderr: str

    @property
    def failed(self) -> list[str]:
        return [name for name, check in self.checks.items() if check["status"] == "fail"]
