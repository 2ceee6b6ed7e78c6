"""The program as a process that tests start, kill and restart on the same data folder."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol, Self

from core.models import Chat, ChatSettings
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import make_database, open_store
from tests.support.fork_server import share_fork_server
from tests.support.paths import ROOT

START_S = 40.0
#: The address of the page, as the program logs it.
PAGE = re.compile(r"http://127\.0\.0\.1:\d+")


class Launcher(Protocol):
    """Starts processes of the program."""

    def start(self, environment: dict[str, str], overrides: dict[str, Any], log: Path) -> int:
        """Start one and return its process id."""

    def poll(self, pid: int) -> int | None:
        """Return the exit code, None while it runs."""


class SubprocessLauncher:
    """Starts `python -m bots run`, or `tests.chaos.faulty_program` if there are overrides."""

    def __init__(self) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, environment: dict[str, str], overrides: dict[str, Any], log: Path) -> int:
        entry = (
            ["tests.chaos.faulty_program", json.dumps(overrides)] if overrides else ["bots", "run"]
        )
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", *entry],
                env=environment | {"PYTHONPATH": str(ROOT)},
                cwd=environment["HEARSAY_HOME"],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
            )
        self._processes[process.pid] = process
        return process.pid

    def poll(self, pid: int) -> int | None:
        return self._processes[pid].poll()


class RunningProgram:
    """The program, or a part of it, with one data folder."""

    #: The command of `hearsay`, and what it logs once it is up.
    command = "run"
    started = "telegram_started"

    def __init__(
        self,
        home: Path,
        telegram: TelegramServer,
        mimo: MimoServer,
        launcher: Launcher | None = None,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.telegram = telegram
        self.mimo = mimo
        self.launcher: Launcher = launcher or share_fork_server()
        self.log_path = home / "stderr.log"
        self.log_path.touch()
        #: Settings added to the usual ones, or replacing them.
        self.settings: dict[str, str] = {}
        self.pid = 0
        self.starts = self.kills = 0
        self._log_start = 0

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the process."""
        return {
            "PATH": os.environ["PATH"],
            "HEARSAY_HOME": str(self.home),
            **self.telegram.settings,
            "MIMO_API_KEY": self.mimo.key,
            "MIMO_BASE_URL": self.mimo.base_url,
            "WEB_PORT": "0",
            # A faster clock would reach the next probe while calls are counted.
            "MODEL_PROBE": "off",
            **self.settings,
        }

    async def __aenter__(self) -> Self:
        """Return the bot; its process is killed at the end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.pid and self.code is None:
            await self.kill()

    async def start(self, *, is_awaited: bool = True, **overrides: Any) -> None:
        """Start the process and wait until it polls. overrides: see `faulty_program.Overrides`."""
        self.make_database()
        self._log_start = self.log_path.stat().st_size
        self.starts += 1
        if self.command != "run":
            overrides["command"] = self.command
        self.pid = await asyncio.to_thread(
            self.launcher.start, self.environment, overrides, self.log_path
        )
        if is_awaited:
            await wait_for(lambda: self.started in self.log or self.code is not None, START_S)
            assert self.code is None, self.log

    def make_database(self) -> None:
        """Create the database if it is missing."""
        make_database(self.home)

    @property
    def code(self) -> int | None:
        """Exit code of the process, None while it runs."""
        return self.launcher.poll(self.pid)

    async def wait_for_exit(self, timeout_s: float = 30.0) -> int:
        """Wait until the process has ended and return its exit code."""
        return int(await wait_for(lambda: self.code if self.code is not None else None, timeout_s))

    def signal(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def arm(self) -> None:
        """Count passes of the step from now on, after a start with `kill_late`."""
        self.signal(signal.SIGUSR1)

    async def kill(self) -> None:
        """Kill the process with SIGKILL."""
        self.signal(signal.SIGKILL)
        await self.wait_for_exit()
        self.kills += 1

    async def stop(self) -> int:
        """Stop the process with SIGTERM and return its exit code."""
        if self.code is None:
            self.signal(signal.SIGTERM)
        return await self.wait_for_exit()

    @property
    def log(self) -> str:
        """Log of the latest process."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    @property
    def whole_log(self) -> str:
        """Log of all processes."""
        return self.log_path.read_text(errors="replace")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, read by another connection."""
        path = self.home / "hearsay.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []  # killed before the tables were created

    def page(self, path: str) -> tuple[int, str]:
        """Request a path of the web page; return status and body."""
        found = PAGE.search(self.log)
        assert found, self.log
        try:
            with urllib.request.urlopen(found[0] + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def states(self) -> Counter[str]:
        """Return the number of jobs in each state."""
        return Counter(dict(self.rows("select state, count(*) from jobs group by state")))

    async def kill_and_restart(
        self, step: str, jobs: int, *, count: int = 1, launcher: Launcher | None = None
    ) -> None:
        """Start, be killed at the `count`-th pass of a step, restart, settle `jobs`, and stop.

        launcher: starts the second process.
        """
        await self.start(kill_at=step, kill_count=count, is_awaited=False)
        await self.restart(jobs, launcher=launcher)

    async def restart(self, jobs: int, *, launcher: Launcher | None = None) -> None:
        """Wait for the kill, start again, wait until `jobs` jobs have ended, and stop."""
        assert await self.wait_for_exit(60) == -signal.SIGKILL, (
            f"the step was not reached\n{self.log}"
        )
        self.launcher = launcher or self.launcher
        await self.start()
        await self.settle(jobs)
        await self.stop()

    async def settle(self, count: int, timeout_s: float = 60.0) -> Counter[str]:
        """Wait until there are `count` jobs and none is open; return the number in each state."""

        def is_settled() -> bool:
            states = self.states()
            return sum(states.values()) >= count and not {"waiting", "running"} & set(states)

        try:
            await wait_for(is_settled, timeout_s, every_s=0.05)
        except TimeoutError:
            raise AssertionError(f"{dict(self.states())}\n{self.log[-6000:]}") from None
        return self.states()

    async def enable_auto(self, chat: int) -> None:
        """Turn automatic transcription on in a group, as /auto on does."""
        store = open_store(self.home)
        bot_id = self.telegram.token.partition(":")[0]
        try:
            await store.chats.save_settings(
                Chat("telegram", bot_id, str(chat)), ChatSettings(is_auto=True)
            )
        finally:
            await store.close()


async def wait_for(condition: Any, timeout_s: float, *, every_s: float = 0.01) -> Any:
    """Wait until the condition returns a value, and return it. Raises TimeoutError."""
    end_s = time.monotonic() + timeout_s
    while (value := condition()) is None or value is False:
        if time.monotonic() > end_s:
            raise TimeoutError("the condition did not come true")
        # Other processes send no notification when something changes.
        await asyncio.sleep(every_s)
    return value
