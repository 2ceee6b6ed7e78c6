"""Running the `hearsay` command with no environment but the settings of a test.

It is forked from a process that has imported the program; HEARSAY is the installed script.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
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
        piped = self.pipe(b"", *arguments, **settings)
        texts = piped.stdout.decode(), piped.stderr.decode()
        done = subprocess.CompletedProcess(piped.args, piped.returncode, *texts)
        for canary in CANARIES:
            assert canary not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def pipe(
        self, data: bytes, /, *arguments: str, **settings: str
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command with `data` in a pipe as its standard input."""
        command = ["hearsay", *arguments]
        with tempfile.TemporaryDirectory() as folder:
            stdin, out, err = (Path(folder) / name for name in ("in", "out", "err"))
            os.mkfifo(stdin)
            fork_server = share_fork_server()
            pid = fork_server.fork(
                command, self.environment(settings),
                folder=self.folder, stdin=stdin, out=out, err=err,
            )  # fmt: skip
            with suppress(BrokenPipeError):  # it may have ended without reading
                stdin.write_bytes(data)
            code = fork_server.wait(pid, 120)
            streams = out.read_bytes(), err.read_bytes()
        return subprocess.CompletedProcess(command, code, *streams)

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
