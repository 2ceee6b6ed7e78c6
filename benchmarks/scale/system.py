"""A whole system for the measurements: a Telegram, a database, and the processes of the program."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.support.instant import Instant
from benchmarks.support.processes import Telegram, program, wait_for
from benchmarks.support.sides import Side
from tests.support.postgresql import PostgresServer, ask

#: As a server is used: what is committed survives a crash of the machine.
DURABLE = ("fsync=on", "autovacuum=on")
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
#: procrastinate's workers of one process.
OF_A_PROCESS = 4


@contextmanager
def run_server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL that keeps what it commits."""
    server = PostgresServer(*DURABLE)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class System(Side):
    """Processes of the program on one database, and their Telegram."""

    def __init__(
        self,
        telegram: Telegram,
        processes: Sequence[psutil.Process],
        url: str = "",
        reports: Sequence[Path] = (),
    ) -> None:
        """url: that of the database, "" for SQLite. reports: of the processes."""
        super().__init__(telegram, processes[0])
        self.processes, self.url, self._reports = processes, url, reports
        #: Stops the processes.
        self.close: Callable[[], object] = lambda: None

    def cpu_s(self) -> tuple[float, float]:
        """Return the processor time of the processes, and of their children."""
        found = [Side(self.telegram, one).cpu_s for one in self.processes]
        own, children = zip(*(read() for read in found), strict=True)
        return sum(own), sum(children)

    def read_moments(self) -> dict[str, dict[str, float]]:
        """Return the moments of all jobs, after the end of the processes."""
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for report in self._reports:
            for name, moments in json.loads(report.read_text()).items():
                found[name] |= moments
        return found


def read_server_cpu_s(server: PostgresServer) -> float:
    """Return the processor time of PostgreSQL, with its processes that have ended."""
    [(folder,)] = server.execute("SELECT current_setting('data_directory')")
    parent = psutil.Process(int(Path(folder, "postmaster.pid").read_text().split()[0]))
    times = parent.cpu_times()
    spent_s = times.user + times.system + times.children_user + times.children_system
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            own = child.cpu_times()
            spent_s += own.user + own.system
    return float(spent_s)


def read_written_kb(server: PostgresServer) -> float:
    """Return how much PostgreSQL has written to its log."""
    [(written,)] = server.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') / 1000")
    return float(written)


def read_size_kb(url: str) -> float:
    """Return the size of a database, with its indexes."""
    [(size,)] = ask(url, "SELECT pg_database_size(current_database()) / 1000.0")
    return float(size)


@contextmanager
def run_system(
    commands: Sequence[str],
    server: PostgresServer | None = None,
    options: Sequence[str] = (),
    **more: str,
) -> Iterator[System]:
    """Run processes on one database: SQLite if there is no `server`.

    options: further arguments of `benchmarks.scale.part`. more: environment variables.
    """
    with TemporaryDirectory(prefix="hearsay-benchmark-") as folder, ExitStack() as stack:
        telegram = Telegram()
        stack.callback(telegram.close)
        settings = make_settings(telegram) | more
        url = ""
        if server:
            url = server.create()
            settings |= {"DATABASE_URL": url, "HEARSAY_SECRET_KEY": KEY}
        processes, reports = [], [Path(folder, str(number)) for number, _ in enumerate(commands)]
        with ExitStack() as running:
            for number, command in enumerate(commands):
                arguments = ("-m", "benchmarks.scale.part", command, str(reports[number]))
                ready = _Ready(telegram, url, commands[: number + 1].count("worker"))
                is_intake = command != "worker" and "TELEGRAM_WEBHOOK_URL" not in settings
                wait_until_ready = ready.wait_for_intake if is_intake else ready.wait_for_workers
                one = program(wait_until_ready, (*arguments, *options), **settings)
                processes.append(psutil.Process(running.enter_context(one).pid))
            system = System(telegram, processes, url, reports)
            system.close = running.close
            yield system


class _Ready:
    """Waits until a process is up."""

    def __init__(self, telegram: Telegram, url: str, workers: int) -> None:
        self._telegram, self._url, self._workers = telegram, url, workers

    def wait_for_intake(self) -> None:
        self._telegram.wait_for_poll()

    def wait_for_workers(self) -> None:
        query = "SELECT count(*) FROM procrastinate_workers"
        wait_for(lambda: ask(self._url, query)[0][0] >= OF_A_PROCESS * self._workers)


def make_settings(telegram: Telegram) -> dict[str, str]:
    """Return the settings of all processes."""
    return {
        "TELEGRAM_BOT_TOKEN": telegram.addresses["token"],
        "TELEGRAM_API_BASE_URL": telegram.addresses["api_base_url"],
        "TELEGRAM_FILE_BASE_URL": telegram.addresses["file_base_url"],
        "TRANSCRIBER": Instant.name,
        "MODEL_PROBE": "off",
    }
