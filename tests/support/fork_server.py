"""Fork server: starts programs quickly from a process that has imported everything.

It reads a request per line of stdin, {"number", "environment", "folder", "command", "in", "out",
"err", "terminal"}, and writes {"number", "pid"} at once and {"pid", "code"} when that process has
ended.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import warnings
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any

#: Modules that the program imports on first use.
_LATE = (
    "bots.cli.ask bots.cli.backup bots.cli.jobs bots.cli.say bots.cli.transcribe bots.doctor "
    "alembic.command anyio._backends._asyncio bots.discord_bot bots.program bots.telegram_bot.bot "
    "bots.web_chat bots.setup "
    "core.audio.voice_note core.engines.mimo.transcriber core.engines.mimo.answerer "
    "core.engines.mimo.synthesizer httpcore pydantic.v1 uvicorn.lifespan.off "
    "uvicorn.protocols.http.auto "
    "uvicorn.protocols.websockets.websockets_sansio_impl sqlalchemy.dialects.sqlite.pysqlite "
    "core.assistant encodings.ascii concurrent.futures.thread"
)
#: Modules of the programs, imported only in the forking process.
_PROGRAMS = {"faulty": "tests.chaos.faulty_program", "hearsay": "bots.cli"}


class ForkServer:
    """Client of the forking process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.fork_server"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._changed = threading.Condition()
        self._pids: dict[int, int] = {}
        self._codes: dict[int, int] = {}
        self._count = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def start(self, environment: dict[str, str], overrides: dict[str, Any], log: Path) -> int:
        """Start `tests.chaos.faulty_program` with overrides; return its process id."""
        command = ["faulty", json.dumps(overrides)]
        folder = Path(environment["HEARSAY_HOME"])
        return self.fork(command, environment, folder=folder, out=log, err=log)

    def fork(
        self,
        command: list[str],
        environment: dict[str, str],
        *,
        folder: Path,
        stdin: Path = Path(os.devnull),
        out: Path = Path(os.devnull),
        err: Path = Path(os.devnull),
        terminal: str = "",
    ) -> int:
        """Start "faulty" or "hearsay" with these files, or on a terminal; return its process id.

        terminal: the path of a pseudo-terminal, which takes the place of all three.
        """
        assert self._process.stdin
        with self._changed:
            self._count += 1
            number = self._count
            request = {
                "number": number,
                "environment": environment,
                "folder": str(folder),
                "command": command,
                "in": str(stdin),
                "out": str(out),
                "err": str(err),
                "terminal": terminal,
            }
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            assert self._changed.wait_for(lambda: number in self._pids, 60)
            return self._pids[number]

    def poll(self, pid: int) -> int | None:
        """Return the exit code, None while the program runs; -9 if it was killed."""
        return self._codes.get(pid)

    def wait(self, pid: int, timeout_s: float) -> int:
        """Wait for the exit code. At the timeout the program is killed; raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: pid in self._codes, timeout_s):
                os.kill(pid, signal.SIGKILL)
                raise TimeoutError(f"still running after {timeout_s} s")
            return self._codes[pid]

    def close(self) -> None:
        """End the forking process; programs go on."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(60)
        self._thread.join(10)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            event = json.loads(line)
            with self._changed:
                if "number" in event:
                    self._codes.pop(event["pid"], None)
                    self._pids[event["number"]] = event["pid"]
                else:
                    self._codes[event["pid"]] = event["code"]
                self._changed.notify_all()


@cache
def share_fork_server() -> ForkServer:
    """Return the fork server of this process, started on first use."""
    fork_server = ForkServer()
    atexit.register(fork_server.close)
    return fork_server


def serve() -> None:
    """Import everything, then fork for each request until stdin ends."""
    _load()
    source = sys.stdin.buffer
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler is needed for the wakeup
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    waiting = b""
    while True:
        ready, _, _ = select.select([source, woken], [], [])
        if woken in ready:
            woken.recv(65_536)
        if source in ready:
            read = os.read(source.fileno(), 65_536)
            if not read:
                return
            waiting += read
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            _fork(json.loads(line), source)
        _reap()


def _load() -> None:
    from core.commands import menu
    from core.engines.wire.client import tls
    from core.locale import LANGUAGES, translate

    for name in (*_PROGRAMS.values(), *_LATE.split()):
        import_module(name)
    menu()
    tls()
    translate("", LANGUAGES[0])
    gc.freeze()  # shared objects are left out of garbage collection


def _fork(request: dict[str, Any], source: IO[bytes]) -> None:
    pid = os.fork()
    if pid == 0:
        _run_program(request, source)
    _write({"number": request["number"], "pid": pid})


def _run_program(request: dict[str, Any], source: IO[bytes]) -> None:
    code = 1
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        if request["terminal"]:
            _open_terminal(request["terminal"])
        else:
            os.dup2(os.open(request["in"], os.O_RDONLY), 0)
            for number, name in ((1, "out"), (2, "err")):
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                os.dup2(os.open(request[name], flags, 0o600), number)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        if "PYTHONWARNINGS" in os.environ:
            warnings.simplefilter(os.environ["PYTHONWARNINGS"])  # type: ignore[arg-type]
        sys.argv = request["command"]
        import_module(_PROGRAMS[sys.argv[0]]).main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        kind, error, trace = sys.exc_info()
        if kind and error and not isinstance(error, SystemExit):
            sys.excepthook(kind, error, trace)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _open_terminal(path: str) -> None:
    """Make a terminal the one of this process, as a shell in a window has it."""
    os.setsid()
    opened = os.open(path, os.O_RDWR)
    for number in range(3):
        os.dup2(opened, number)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _write({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _write(event: dict[str, int]) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    serve()
