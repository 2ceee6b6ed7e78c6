"""What is put under load: one process on SQLite, or two intakes and two workers on PostgreSQL."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

from core.jobs.runner import MAX_RUNNING
from tests.chaos.loop_watch import LoopState, read_loop
from tests.chaos.many_processes.cluster import Cluster
from tests.chaos.running_program import RunningProgram
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.postgresql import connect

#: The account's limits per minute do not apply: they have tests of their own.
UNLIMITED: dict[str, Any] = {"has_limits": False}
#: Nor do budgets.
NO_BUDGETS = {"BUDGET_PERSON": "off", "BUDGET_CHAT": "off", "BUDGET_BOT": "off"}


class System(Cluster):
    """The processes of the program, whose loops are watched."""

    #: On what it runs, for tables.
    title = "two intakes, two workers"
    #: How many jobs run at once.
    places = 2 * MAX_RUNNING

    async def start(self, *, is_awaited: bool = True) -> None:
        """Start all processes that do not run."""
        for one in self.processes:
            if not one.pid or one.code is not None:
                temporary_folder(one).mkdir(exist_ok=True)
                one.settings |= NO_BUDGETS | {"TMPDIR": str(temporary_folder(one))}
                await one.start(is_awaited=is_awaited, loop=str(loop_file(one)), **self.overrides)
                one.signal(signal.SIGUSR2)

    def loop(self, process: RunningProgram) -> LoopState:
        """Return the state of a process's event loop."""
        return read_loop(loop_file(process))

    def name(self, process: RunningProgram) -> str:
        """Return the name of a process in tables."""
        return process.home.name

    def change(self, *statements: str) -> None:
        """Run statements on the database, outside the program."""
        with connect(self.url) as connection:
            for one in statements:
                connection.execute(one.encode())

    def connections(self) -> int:
        """Return how many connections to the database there are, without that of the question."""
        [(count,)] = self.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        return int(count)


class OneProcess(System):
    """Everything in one process on SQLite."""

    title = "one process on SQLite"
    places = MAX_RUNNING

    def __init__(self, folder: Path, servers: tuple[TelegramServer, MimoServer]) -> None:
        super().__init__(folder, "", servers, commands=())
        self.processes: list[Any] = [RunningProgram(folder / "0 run", *servers)]
        self.overrides = {}

    def _list(self, command: str) -> list[Any]:
        return self.processes

    def change(self, *statements: str) -> None:
        """Run statements on the database while the program does not run."""
        path = self.processes[0].home / "hearsay.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for one in ("BEGIN", *statements, "COMMIT"):
                connection.execute(one)

    def connections(self) -> int:
        """Return how often the files of the database are open."""
        files = psutil.Process(self.processes[0].pid).open_files()
        return sum(Path(file.path).name.startswith("hearsay.db") for file in files)

    async def enable_auto(self, chat: int) -> None:
        """Turn automatic transcription on in a group, as /auto on does."""
        await self.processes[0].enable_auto(chat)


def loop_file(process: RunningProgram) -> Path:
    """Return where a process writes the state of its loop."""
    return process.home / "loop.json"


def temporary_folder(process: RunningProgram) -> Path:
    """Return where a process has its temporary files."""
    return process.home / "tmp"
