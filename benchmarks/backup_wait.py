"""How long a transaction waits while a backup is made, against the steps of SQLite's backup API.

    python -m benchmarks.backup_wait

A process writes all the time, as a bot under load does; meanwhile another one backs the database
up. For comparison, the copy is made in steps of a hundred pages, which begins anew with each commit
of another process: it is given as long as the backup took, and ten times as long.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.support.processes import ROOT, show
from core.store.backups.making import Subject, make_backup
from core.store.database.encryption import name_source
from tests.support.clean_start import make_database, open_store

#: What is in the database: values like encrypted sound, in the table of speech.
VALUES, VALUE_BYTES = 400, 1_000_000
STEP_PAGES, TIMES_AS_LONG = 100, 10
#: Writes until its standard input ends, then prints the longest and the usual wait in seconds.
WRITER = """
import select, sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("PRAGMA synchronous=FULL")
waits_s = []
while not select.select([sys.stdin], [], [], 0)[0]:
    begun_s = time.perf_counter()
    connection.execute("INSERT INTO watched VALUES (randomblob(2000))")
    waits_s.append(time.perf_counter() - begun_s)
print(max(waits_s), sorted(waits_s)[len(waits_s) // 2], len(waits_s))
"""


class TooLong(Exception):
    """A copy in steps did not come to its end."""


def fill(home: Path) -> str:
    """Make a database with a key, values, and a table that is written to; return its URL."""
    url = make_database(home)
    open_store(home)
    with closing(sqlite3.connect(home / "hearsay.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE watched (value)")
        connection.execute("CREATE TABLE filled (value)")
        for _ in range(VALUES):
            connection.execute("INSERT INTO filled VALUES (randomblob(?))", (VALUE_BYTES,))
    return url


def measure(database: Path, work: Callable[[], object]) -> tuple[float, float, float]:
    """Return how long `work` took, and the longest and the usual wait of the writer meanwhile."""
    command = [sys.executable, "-c", WRITER, str(database)]
    writer = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.5)  # it has to be at work
    begun_s = time.perf_counter()
    work()
    taken_s = time.perf_counter() - begun_s
    out, _ = writer.communicate("stop\n")
    longest, usual, _ = map(float, out.split())
    return taken_s, longest, usual


def copy_in_steps(database: Path, target: Path, most_s: float) -> str:
    """Copy a database with the backup API, and return how far that came."""
    end_s = time.perf_counter() + most_s

    def stop(_status: int, _left: int, _total: int) -> None:
        if time.perf_counter() > end_s:
            raise TooLong

    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        try:
            source.backup(copy, pages=STEP_PAGES, progress=stop, sleep=0.001)
        except TooLong:
            return "not finished"
    return "finished"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hearsay-") as folder:
        home = Path(folder)
        database, url = home / "hearsay.db", fill(home)
        subject = Subject(url, name_source(None, home), home, datetime.now(UTC))
        taken_s, longest_s, usual_s = measure(database, lambda: make_backup(subject, home))
        found: list[str] = []
        steps_s = TIMES_AS_LONG * taken_s
        other = measure(
            database, lambda: found.append(copy_in_steps(database, home / "copy", steps_s))
        )
    rows = [
        ("", "hearsay backup", "steps of the API", "ratio"),
        ("taken", f"{taken_s:.1f} s", f"{other[0]:.1f} s, {found[0]}", ""),
        *(
            (name, f"{ours * 1000:.0f} ms", f"{theirs * 1000:.0f} ms", f"{ours / theirs:.2f}")
            for name, ours, theirs in (
                ("longest wait of a commit", longest_s, other[1]),
                ("usual wait of a commit", usual_s, other[2]),
            )
        ),
    ]
    show(f"A database of {VALUES * VALUE_BYTES / 1e6:.0f} MB while it is written to", rows)


if __name__ == "__main__":
    main()
