"""A folder in which the lines of a document are run with bash, `.venv/bin/hearsay` among them.

What stands there in place of the installed command lets the fork server start the program, with
the streams of the line: to import the program anew for each line would take a second.
"""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import typer

from bots.cli import app
from tests.support.fork_server import share_fork_server
from tests.support.hearsay_command import Hearsay
from tests.support.paths import ROOT

_PATIENCE_S = 100
#: How long a program may run that several tests share.
_LONGEST_S = 1000
#: Tells the number of its arguments, its process, its folder and the arguments, each with a NUL;
#: ends with the exit code that it is told.
_SCRIPT = """#!/bin/bash
exec 3<&0 4>&1 5>&2  # printf and read have others for a moment
exec {{socket}}<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' "$#" "$$" "$PWD" "$@" >&$socket
read -r -u "$socket" code
exit "$code"
"""


def free_of_make() -> dict[str, str]:
    """Return the environment without that of the make and the pytest that run the tests."""
    own = ("MAKE", "MFLAGS", "PYTEST")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def check_command(words: list[str], *, is_in_sentence: bool = False) -> None:
    """Check that words are a command of the program. In a sentence one may stand for itself."""
    group: Any = typer.main.get_command(app)
    while hasattr(group, "commands"):
        assert words and words[0] in group.commands, words
        group, words = group.commands[words[0]], words[1:]
    group.make_context(group.name, words, resilient_parsing=is_in_sentence and not words)


def _read_field(stream: BufferedIOBase) -> str:
    field = b""
    while (byte := stream.read(1)) not in (b"\0", b""):
        field += byte
    return field.decode()


class Shell(Hearsay):
    """The folder; a context manager. `settings` are those of every command."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder)
        self.settings = settings
        #: Processes of the program that run now.
        self.running: list[int] = []
        self.tools = folder / "tools"
        for path in (self.tools, folder / ".venv" / "bin"):
            path.mkdir(parents=True)
        self.home.mkdir(mode=0o700)
        for name in ("tests", "deploy"):
            (folder / name).symlink_to(ROOT / name)
        self.variables = self.environment({"PATH": f"{self.tools}:{os.environ['PATH']}"})

    def __enter__(self) -> Shell:
        shell = self

        class Request(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(f"{shell._run_program(self.rfile)}\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Request)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        script = _SCRIPT.format(port=self._server.server_address[1])
        self._write(self.folder / ".venv" / "bin" / "hearsay", script)
        return self

    def __exit__(self, *_: object) -> None:
        self._signal(self.running, signal.SIGKILL)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add_tool(self, name: str, script: str) -> None:
        """Put a script of bash first on PATH."""
        self._write(self.tools / name, f"#!/bin/bash\n{script}\n")

    @property
    def log(self) -> Path:
        """The log of all programs that were started."""
        return self.folder / "log"

    def run(self, line: str, *, typed: str = "", **settings: str) -> str:
        """Run a line, to which `typed` is typed; return what it printed, errors last."""
        with self._open(line, settings, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as bash:
            out, err = bash.communicate(typed, timeout=_PATIENCE_S)
        assert bash.returncode == 0, f"{line}\n{out}{err}"
        return str(out) + str(err)

    @contextmanager
    def start(self, line: str, **settings: str) -> Iterator[None]:
        """Run a line that goes on until it is ended; it is ready as systemd would be told."""
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
            self.log.open("ab") as log,
        ):
            told.bind(address := f"\0{self.folder}{line}"[:100])
            told.settimeout(0.2)
            settings["NOTIFY_SOCKET"] = address.replace("\0", "@")
            before = len(self.running)
            with self._open(line, settings, stdin=subprocess.DEVNULL, stderr=log) as bash:
                try:
                    self._wait_until_ready(told, bash)
                    yield
                finally:
                    self._signal(self.running[before:], signal.SIGTERM)
                    out, _ = bash.communicate(timeout=_PATIENCE_S)
        assert bash.returncode == 0, f"{line}\n{out}{self.log.read_text()}"

    def _wait_until_ready(self, told: socket.socket, bash: subprocess.Popen[str]) -> None:
        for _ in range(5 * _PATIENCE_S):
            with suppress(TimeoutError):
                assert told.recv(100) == b"READY=1"
                return
            assert bash.poll() is None, self.log.read_text()
        raise TimeoutError(self.log.read_text())

    def _open(self, line: str, settings: dict[str, str], **streams: Any) -> subprocess.Popen[str]:
        self.current = self.variables | self.settings | settings
        return subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder, env=self.current, stdout=subprocess.PIPE, text=True, **streams,
        )  # fmt: skip

    def _run_program(self, request: BufferedIOBase) -> int:
        count, script, folder = (_read_field(request) for _ in range(3))
        arguments = [_read_field(request) for _ in range(int(count))]
        stdin, out, err = (Path("/proc", script, "fd", str(number)) for number in (3, 4, 5))
        fork_server = share_fork_server()
        pid = fork_server.fork(
            ["hearsay", *arguments], self.current,
            folder=Path(folder), stdin=stdin, out=out, err=err,
        )  # fmt: skip
        self.running.append(pid)
        try:
            return fork_server.wait(pid, _LONGEST_S)
        finally:
            self.running.remove(pid)

    @staticmethod
    def _signal(pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, number)

    @staticmethod
    def _write(path: Path, script: str) -> None:
        path.write_text(script)
        path.chmod(0o755)
