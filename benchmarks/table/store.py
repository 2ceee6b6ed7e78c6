"""What a voice note costs the database, beside plain sqlite3.

    python -m benchmarks store

`hearsay run` records its statements while notes are sent on a local Telegram. The same statements,
with the same values sealed again, are then run by sqlite3 alone on a copy of the database, with one
call to a thread per transaction. For the size, sqlite3 keeps sealed transcripts in one table.
"""

from __future__ import annotations

import pickle
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from uuid import uuid4

from cryptography.fernet import Fernet

from benchmarks.support.processes import median, voice_notes
from benchmarks.support.recorded_bot import Turn
from benchmarks.support.rows import USUAL, Figures, Row
from benchmarks.support.sides import Side, run_service, run_side
from core.store.database.cipher import Cipher

#: One by one in chats that have had a note before.
ONE_BY_ONE, AT_ONCE = 15, 200
NOTE_S = 2.0
PLAIN = "plain sqlite3"
#: As long as what is said in fifteen seconds.
SAID = (
    "I am on my way and should be there in about twenty minutes. Could you ask Anna whether she "
    "still has the key? If not we can take the other door. And please put the kettle on, it is "
    "freezing out here."
)
TABLE = "CREATE TABLE notes (pk INTEGER PRIMARY KEY, chat TEXT, message TEXT, at TEXT, said BLOB)"
#: What only begins or ends transactions.
FRAMES = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")


@dataclass
class Cost:
    """What a note costs."""

    statements: float
    transactions: float
    ours_ms: float
    plain_ms: float
    mb_per_1000: float


@cache
def measure() -> Cost:
    """Return what a note costs, and the same work done by sqlite3 alone."""
    with (
        tempfile.TemporaryDirectory(prefix="hearsay-benchmark-") as folder,
        run_service() as service,
    ):
        service.world.rules.transcript = SAID
        home, report = Path(folder), Path(folder) / "report"
        command = ("-m", "benchmarks.support.recorded_bot", str(report))
        many = voice_notes(2 * ONE_BY_ONE + AT_ONCE, NOTE_S)
        with run_side(command, service, HEARSAY_HOME=folder) as side:
            users = [side.telegram.do("add_user") for _ in range(ONE_BY_ONE)]
            send(side, many[:ONE_BY_ONE], users)
            copy(home / "hearsay.db", home / "copy.db")
            ends_s = send(side, many[ONE_BY_ONE : 2 * ONE_BY_ONE], users)
            before_mb = read_size_mb(home / "hearsay.db")
            side.send_at_once(many[-AT_ONCE:], AT_ONCE // 2)
            grown_mb = read_size_mb(home / "hearsay.db") - before_mb
        by_note = read_turns(report, ends_s)
        turns = list(chain.from_iterable(by_note))
        plain_s = replay(turns, home / "copy.db")
    return Cost(
        # Of most notes: once a minute the program looks for what is due.
        median([count_statements(of_note) for of_note in by_note]),
        median([sum(turn.transactions for turn in of_note) for of_note in by_note]),
        1000 * sum(turn.cpu_s for turn in turns) / ONE_BY_ONE,
        1000 * plain_s / ONE_BY_ONE,
        grown_mb * 1000 / AT_ONCE,
    )


def send(side: Side, some: list[bytes], users: list[int]) -> list[float]:
    """Send notes one by one; return the moment before the first and the end of each."""
    ends_s = [time.monotonic()]
    for note, user in zip(some, users, strict=True):
        side.send(note, user)
        ends_s.append(time.monotonic())
    return ends_s


def count_statements(turns: list[Turn]) -> int:
    every = (sql for turn in turns for sql, _, _ in turn.statements)
    return sum(not sql.startswith(FRAMES) for sql in every)


def read_turns(report: Path, ends_s: list[float]) -> list[list[Turn]]:
    """Return the work of each note, which began between two moments."""
    turns: list[Turn] = pickle.loads(report.read_bytes())
    return [[t for t in turns if first <= t.began_s < last] for first, last in pairwise(ends_s)]


def copy(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as made:
        source.backup(made)


def read_size_mb(path: Path) -> float:
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return float(pages * size) / 1e6


def replay(turns: list[Turn], path: Path) -> float:
    """Return the processor seconds of sqlite3 alone for the same statements."""
    cipher = Cipher([Fernet.generate_key().decode()])
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    with closing(connection), ThreadPoolExecutor(1) as thread:
        return sum(thread.submit(replay_one, turn, connection, cipher).result() for turn in turns)


def replay_one(turn: Turn, connection: sqlite3.Connection, cipher: Cipher) -> float:
    began_s = time.thread_time()
    for statement, values, is_many in turn.statements:
        for row in values if is_many else (values,):
            for value in row:
                if isinstance(value, bytes):
                    cipher.encrypt(value)
        run = connection.executemany if is_many else connection.execute
        run(statement, values).fetchall()
    if turn.transactions:
        connection.execute("COMMIT")
    return time.thread_time() - began_s


@cache
def measure_plain_size() -> float:
    """Return the MB of a thousand sealed transcripts in one table."""
    cipher = Cipher([Fernet.generate_key().decode()])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(TABLE)
            before_mb = read_size_mb(path)
            rows = (
                (str(n % 50), uuid4().hex, "2026-03-01T12:00:00", cipher.encrypt(SAID.encode()))
                for n in range(1000)
            )
            sql = "INSERT INTO notes (chat, message, at, said) VALUES (?, ?, ?, ?)"
            connection.executemany(sql, rows)
            connection.commit()
        return read_size_mb(path) - before_mb


def read(figure: Callable[[Cost], float], other: Callable[[], float]) -> Callable[[], Figures]:
    """Return how to measure one figure."""
    return lambda: Figures(figure(measure()), other())


def count_nothing() -> float:
    """Return what the usual bot does with a database."""
    return 0.0


ROWS = (
    # 15 and 5 before what a note may cost was held for who pays, and what it did cost was booked.
    Row("statements of a note", "", USUAL, 18, read(lambda one: one.statements, count_nothing)),
    Row("transactions of a note", "", USUAL, 6, read(lambda one: one.transactions, count_nothing)),
    Row(
        "processor time of a note in the database",
        "ms",
        PLAIN,
        11,
        read(lambda one: one.ours_ms, lambda: measure().plain_ms),
    ),
    Row(
        "database for 1,000 notes",
        "MB",
        PLAIN,
        3,
        read(lambda one: one.mb_per_1000, measure_plain_size),
    ),
)
