"""The real program as a process: started, killed, started again on the same home."""

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
#: What the program says of its page.
PAGE = re.compile(r"http://127\.0\.0\.1:\d+")


class Launcher(Protocol):
    """How processes come to be."""

    def start(self, environment: dict[str, str], orders: dict[str, Any], log: Path) -> int:
        """Start one; return its process id."""

    def poll(self, pid: int) -> int | None:
        """Return how it ended, None while it runs."""


class SubprocessLauncher:
    """Starts the program as people do; with orders by its other entry."""

    def __init__(self) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, environment: dict[str, str], orders: dict[str, Any], log: Path) -> int:
        entry = ["tests.chaos.child", json.dumps(orders)] if orders else ["bots", "run"]
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


class Bot:
    """One bot on one home."""

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
        #: Settings besides, or instead of, the usual ones.
        self.settings: dict[str, str] = {}
        self.pid = 0
        self.starts = self.kills = 0
        self._log_start = 0

    @property
    def environment(self) -> dict[str, str]:
        """All that the process knows of the world."""
        return {
            "PATH": os.environ["PATH"],
            "HEARSAY_HOME": str(self.home),
            "TELEGRAM_BOT_TOKEN": self.telegram.token,
            "TELEGRAM_API_BASE_URL": self.telegram.api_base_url,
            "TELEGRAM_FILE_BASE_URL": self.telegram.file_base_url,
            "MIMO_API_KEY": self.mimo.key,
            "MIMO_BASE_URL": self.mimo.base_url,
            "WEB_PORT": "0",
            # A clock that runs faster comes to it while calls are counted.
            "MODEL_PROBE": "off",
            **self.settings,
        }

    async def __aenter__(self) -> Self:
        """Take charge of processes still to be started: none is left behind."""
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.pid and self.code is None:
            await self.kill()

    async def start(self, *, is_awaited: bool = True, **orders: Any) -> None:
        """Start the process and wait until it receives. orders: fields of `child.Orders`."""
        make_database(self.home)
        self._log_start = self.log_path.stat().st_size
        self.starts += 1
        self.pid = await asyncio.to_thread(
            self.launcher.start, self.environment, orders, self.log_path
        )
        if is_awaited:
            await wait_for(lambda: "telegram_started" in self.log or self.code is not None, START_S)
            assert self.code is None, self.log

    @property
    def code(self) -> int | None:
        """How the process ended, None while it runs."""
        return self.launcher.poll(self.pid)

    async def wait_for_exit(self, timeout_s: float = 30.0) -> int:
        """Wait until the process has ended and return how."""
        return int(await wait_for(lambda: self.code if self.code is not None else None, timeout_s))

    def signal(self, number: int) -> None:
        """Send a signal, if there is still somebody to get it."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def arm(self) -> None:
        """Let passes of the step count from now on, where the orders say `kill_late`."""
        self.signal(signal.SIGUSR1)

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        await self.wait_for_exit()
        self.kills += 1

    async def stop(self) -> int:
        """End it as an operator would; return its exit code."""
        if self.code is None:
            self.signal(signal.SIGTERM)
        return await self.wait_for_exit()

    @property
    def log(self) -> str:
        """What the process of the last start has said."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    @property
    def whole_log(self) -> str:
        """What all its processes have said."""
        return self.log_path.read_text(errors="replace")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database, as another process."""
        path = self.home / "hearsay.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            try:
                return connection.execute(query).fetchall()
            except sqlite3.OperationalError:
                return []  # killed before the tables were made

    def page(self, path: str) -> tuple[int, str]:
        """Ask the web page, and return the status and the body of what it answers."""
        found = PAGE.search(self.log)
        assert found, self.log
        try:
            with urllib.request.urlopen(found[0] + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def states(self) -> Counter[str]:
        """Return how many jobs are in each state."""
        return Counter(dict(self.rows("select state, count(*) from jobs group by state")))

    async def kill_and_restart(
        self, step: str, jobs: int, *, count: int = 1, launcher: Launcher | None = None
    ) -> None:
        """Start to be killed at a step, start again, settle so many jobs, and stop.

        count: at which pass of the step. restart: how the second process comes to be.
        """
        await self.start(kill_at=step, kill_count=count, is_awaited=False)
        await self.restart(jobs, launcher=launcher)

    async def restart(self, jobs: int, *, launcher: Launcher | None = None) -> None:
        """Wait for the kill that was ordered, start again, settle so many jobs, and stop."""
        assert await self.wait_for_exit(60) == -signal.SIGKILL, (
            f"the step was not reached\n{self.log}"
        )
        self.launcher = launcher or self.launcher
        await self.start()
        await self.settle(jobs)
        await self.stop()

    async def settle(self, count: int, timeout_s: float = 60.0) -> Counter[str]:
        """Wait until `count` jobs are there and none is open; return how they ended."""

        def is_settled() -> bool:
            states = self.states()
            return sum(states.values()) >= count and not {"waiting", "running"} & set(states)

        try:
            await wait_for(is_settled, timeout_s, every_s=0.05)
        except TimeoutError:
            raise AssertionError(f"{dict(self.states())}\n{self.log[-6000:]}") from None
        return self.states()

    async def enable_auto(self, chat: int) -> None:
        """Let every voice note of a group be written down: its admins have said /auto on."""
        store = open_store(self.home)
        bot_id = self.telegram.token.partition(":")[0]
        try:
            await store.chats.save_settings(
                Chat("telegram", bot_id, str(chat)), ChatSettings(is_auto=True)
            )
        finally:
            await store.close()


async def wait_for(condition: Any, timeout_s: float, *, every_s: float = 0.01) -> Any:
    """Wait until the condition returns something, and return that. Raises TimeoutError."""
    end_s = time.monotonic() + timeout_s
    while (value := condition()) is None or value is False:
        if time.monotonic() > end_s:
            raise TimeoutError("the condition did not come true")
        # Other processes and the disk tell nobody when they change.
        await asyncio.sleep(every_s)
    return value
